"""Flags whose value is a list like `type=oci,dest=image.tar`, which Docker's tools read as CSV."""

from dockyard.errors import UsageError


def pairs(text: str) -> dict[str, str]:
    """Keys and values, in their order; a field in quotes may have commas, and one without `=` has an empty value.

    Raises:
        UsageError: this is no such list.
    """
    import csv

    try:
        return dict(each.partition("=")[::2] for each in next(csv.reader([text]), []))
    except csv.Error as error:
        raise UsageError(
            f"not a list of fields: {text[:100]!r}", hint="Write it on one line, like type=oci,dest=image.tar."
        ) from error
