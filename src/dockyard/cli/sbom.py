"""`dockyard sbom`: the packages in an image."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import context, output_file


def sbom(
    image: str,
    /,
    *,
    format: Literal["cyclonedx", "spdx"] = "cyclonedx",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
) -> None:
    """List the packages in an image as CycloneDX 1.6 or SPDX 2.3.

    Args:
        image: the image in the store.
        format: cyclonedx or spdx, both as JSON.
        output: write to this file instead.
        json: both formats are JSON already.
    """
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference
    from dockyard.packages import cyclonedx, spdx
    from dockyard.packages.inventory import inventory

    reference = Reference.parse(image)
    found = open_image(context.store(), context.resolve(reference))
    held = inventory(found.layers, cache=context.data_folder() / "index")
    make = cyclonedx.document if format == "cyclonedx" else spdx.document
    created = str(found.config.document.get("created") or "1970-01-01T00:00:00Z")
    document = make(held, name=reference.name, digest=str(found.descriptor.digest), created=created)
    text = json_module.dumps(document, indent=2)
    with output_file.opened(output) as stream:
        print(text, file=stream)
