"""`dockyard images`: what is in the store."""

from dockyard.cli import context, report


def images(*, json: bool = False) -> None:
    """List the images in the store.

    Args:
        json: print one JSON document.
    """
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference

    store = context.store()
    documents = []
    for name, descriptor in sorted(store.tags().items()):
        image = open_image(store, descriptor, descriptor.platform)
        if not image.config.media_type.endswith(("image.config.v1+json", "container.image.v1+json")):
            continue  # signatures and other artifacts are not images
        if name.endswith(".sig"):
            continue
        documents.append(
            {
                "name": Reference.parse(name).familiar,
                "reference": name,
                "digest": str(descriptor.digest),
                "image_id": str(image.manifest.config.digest),
                "size": sum(layer.size for layer in image.manifest.layers),
                "platform": str(image.config.platform),
                "created": image.config.document.get("created", ""),
            }
        )
    if json:
        report.result(documents)
        return
    rows = [
        [d["name"], d["digest"][7:19], report.size(d["size"]), d["platform"], str(d["created"])[:19]] for d in documents
    ]
    report.table(["NAME", "DIGEST", "SIZE", "PLATFORM", "CREATED"], rows)
