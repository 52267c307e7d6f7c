"""`dockyard tag`: another name for an image."""

from dockyard.cli import context, report


def tag(name: str, target: str, /, *, json: bool = False) -> None:
    """Give an image in the store another name.

    Args:
        name: the image.
        target: the further name.
        json: print one JSON document.
    """
    from dockyard.oci.reference import Reference

    found = context.resolve(Reference.parse(name))
    reference = Reference.parse(target)
    context.store().tag(str(reference), found)
    if json:
        report.result({"name": str(reference), "digest": str(found.digest)})
    else:
        print(f"{reference.familiar} {found.digest}")
