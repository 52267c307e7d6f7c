"""What `dockyard build` built as files alone: `--output` of the types tar and local.

As with BuildKit, of several platforms each has a folder of its own, unless `platform-split=false` lays them into one.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dockyard.build.result import statements
from dockyard.cli.build.attest_words import Wish
from dockyard.cli.build.output_words import Output
from dockyard.errors import UsageError
from dockyard.images import rootfs
from dockyard.images.image import Image

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult
    from dockyard.content.layout import Layout


def pack(output: Output, result: "BuildResult", store: "Layout", wish: Wish, out: BinaryIO) -> None:
    """Write the files as a tar archive; there each platform has its folder always, where there are several."""
    folders = {_folder(name): image for name, image in result.images.items()}
    images = folders if len(folders) > 1 else {"": result.image}
    named = dict(zip(images, result.images, strict=True))
    rootfs.write(
        images, out, {key: _said(output, result, store, wish, image, named[key]) for key, image in images.items()}
    )


def unpack(output: Output, result: "BuildResult", store: "Layout", wish: Wish) -> None:
    """Lay the files over a folder; with mode=delete nothing else stays in it.

    Raises:
        UsageError: several platforms are to share the folder, and have a file of the same name.
    """
    from dockyard.runtime import namespace

    ids = namespace.ids() if os.geteuid() == 0 else "single"
    place = Path(output.dest)
    if output.mode == "delete" and place.resolve() == Path("/"):
        raise UsageError("everything on this machine would be deleted", hint="Name a folder of its own.")
    split = output.split if output.split is not None else len(result.images) > 1
    kept: set[str] = set()
    further = {name: _said(output, result, store, wish, image, name) for name, image in result.images.items()}
    folders = {name: _folder(name) if split else "" for name in result.images}
    for name, image in result.images.items():
        below = f"{folders[name]}/" * split
        paths = {f"{below}{node.path}": node.entry.kind for node in image.tree().walk() if node.path}
        paths |= {f"{below}{path}": "file" for path in further[name]}
        twice = [path for path, kind in paths.items() if path in kept and kind != "dir"]
        if twice:
            raise UsageError(f"more than one platform has a file {twice[0]}", hint="Leave platform-split=false out.")
        kept |= paths.keys() | ({folders[name]} if split else set())
    for name, image in result.images.items():
        rootfs.unpack(image, place / folders[name], ids=ids, further=further[name])
    if output.mode == "delete":
        rootfs.clear(place.resolve(), kept)


def _said(
    output: Output, result: "BuildResult", store: "Layout", wish: Wish, image: Image, platform: str
) -> dict[str, bytes]:
    shared = output.split is False and len(result.images) > 1
    return statements.files(
        store,
        result.descriptor,
        image,
        prefix=output.prefix,
        platform=platform if shared else "",
        provenance="" if wish.inline else wish.filename,
    )


def _folder(platform: str) -> str:
    return platform.replace("/", "_")
