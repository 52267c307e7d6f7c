"""`dockyard rm`: images and the blobs that only they used."""

from dockyard.cli import context, report


def rm(name: str, /, *names: str, json: bool = False) -> None:
    """Remove images from the store, with the blobs that nothing else needs.

    Args:
        name: an image.
        names: further images.
        json: print one JSON document.
    """
    from dockyard.images.remove import remove
    from dockyard.oci.reference import Reference

    references = [str(Reference.parse(each)) for each in (name, *names)]
    store = context.store()
    known = store.tags()
    for reference in references:
        if reference not in known:
            store.resolve(reference)  # says that it is not there, before anything is removed
    count, size = remove(store, references)
    if json:
        report.result({"removed": references, "blobs": count, "bytes": size})
    else:
        print(
            f"removed {report.counted(len(references), 'name')}, {report.counted(count, 'blob')}, {report.size(size)}; "
            "blobs of the last minutes go later"
        )
