"""`dockyard save`: images into an archive."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import context, report
from dockyard.errors import UsageError


def save(
    name: str,
    /,
    *names: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    format: Literal["docker-archive", "oci-archive"] = "docker-archive",
    json: bool = False,
) -> None:
    """Write images to an archive, as `docker save` does.

    Args:
        name: an image in the store.
        names: further images.
        output: the file; standard output by default.
        format: docker-archive or oci-archive.
        json: print one JSON document; needs --output.
    """
    from dockyard.images.archive import save as save_archive
    from dockyard.images.archive import write
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference

    store = context.store()
    references = [Reference.parse(each) for each in (name, *names)]
    found = {str(each): open_image(store, context.resolve(each)) for each in references}
    if output is None:
        if sys.stdout.isatty() or json:
            raise UsageError("an archive is not for a terminal", hint="Write it to a file: dockyard save NAME -o FILE")
        write(found, sys.stdout.buffer, format)
        return
    save_archive(found, output, format)
    size = output.stat().st_size
    if json:
        report.result({"file": str(output), "size": size, "images": list(found)})
    else:
        print(f"{output}: {report.counted(len(found), 'image')}, {report.size(size)}")
