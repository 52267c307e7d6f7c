"""Flags whose value is a list like `type=oci,dest=image.tar`, which Docker's tools read as CSV."""


def pairs(text: str) -> dict[str, str]:
    """Keys and values, in their order; a field in quotes may have commas, and one without `=` has an empty value."""
    import csv

    return dict(each.partition("=")[::2] for each in next(csv.reader([text]), []))
