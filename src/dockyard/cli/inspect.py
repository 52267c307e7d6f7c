"""`dockyard inspect`: an image's manifest and configuration."""

import json as json_module
import sys
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import context, report


def inspect(
    name: str,
    /,
    *,
    raw: Annotated[bool, Parameter(negative="")] = False,
    config: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Show an image's manifest and configuration.

    Args:
        name: the image in the store.
        raw: print the manifest's very bytes; with --config the configuration's.
        config: print only the configuration.
        json: print one JSON document.
    """
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference

    reference = Reference.parse(name)
    image = open_image(context.store(), context.resolve(reference))
    if raw:
        sys.stdout.buffer.write(image.config.raw if config else image.manifest.raw)
        return
    if config:
        report.result(image.config.document)
        return
    document = {
        "name": reference.name,
        "digest": str(image.descriptor.digest),
        "image_id": str(image.manifest.config.digest),
        "platform": str(image.config.platform),
        "created": image.config.document.get("created", ""),
        "config": image.config.execution,
        "layers": [
            {"digest": str(layer.descriptor.digest), "size": layer.descriptor.size, "diff_id": str(layer.diff_id)}
            for layer in image.layers
        ],
        "history": [str(item.get("created_by", "")) for item in image.config.history],
        "annotations": image.manifest.annotations,
    }
    if json:
        report.result(document)
        return
    for key in ("name", "digest", "image_id", "platform", "created"):
        print(f"{key:<9} {document[key]}")
    for key, value in image.config.execution.items():
        shown = value if isinstance(value, str) else json_module.dumps(value, ensure_ascii=False)
        print(f"  {key}: {report.harmless(shown)}")
    rows = [
        [layer.descriptor.digest.short, report.size(layer.descriptor.size), layer.diff_id.short]
        for layer in image.layers
    ]
    report.table(["LAYER", "SIZE", "DIFF ID"], rows)
