"""An image's merged files, without its layers: as one tar archive, or unpacked into a folder."""

import contextlib
import io
import os
import shutil
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from dockyard._internal import atomic, leftover
from dockyard.errors import UsageError
from dockyard.images.image import Image
from dockyard.layers.apply import Ids, lay
from dockyard.layers.header import header
from dockyard.layers.links import Node
from dockyard.layers.tar import END, Entry, padding


class FolderTakenError(UsageError):
    """Files are to be unpacked to a path where something other than a folder is."""

    reference = "folder-taken"
    hint = "Name another folder."


Further = Mapping[str, bytes]
"""Files of the builder's own beside those of an image, by path; where both have one, this is it."""


def write(images: Mapping[str, Image], out: BinaryIO, further: Mapping[str, Further] | None = None) -> None:
    """Write the files to a stream as a tar archive: folders and links first, then files, layer by layer.

    The key of an image is the folder that it gets in the archive; empty is none. `further` has the same keys.
    """
    for folder, image in images.items():
        if folder:
            out.write(header(Entry(folder, "dir", 0o755)))
        for entry, content in _members(image, (further or {}).get(folder, {})):
            out.write(header(_below(folder, entry) if folder else entry))
            if content is not None:
                shutil.copyfileobj(content, out, 1 << 20)
                out.write(padding(entry.size))
    out.write(END)


def _below(folder: str, entry: Entry) -> Entry:
    target = f"{folder}/{entry.target}" if entry.kind == "hardlink" else entry.target
    return replace(entry, path=f"{folder}/{entry.path}", target=target)


def unpack(image: Image, folder: Path, *, ids: Ids = "all", further: Further | None = None) -> None:
    """Unpack the files into `folder`, over what is there; whatever the image does not have stays.

    They belong to this user, as with BuildKit. A folder that is not there yet appears when it is complete.

    Args:
        image: what to unpack.
        folder: where to; a link to a folder is followed.
        ids: what this process has: with fewer than all, devices are left out.
        further: files beside the image's.

    Raises:
        FolderTakenError: `folder` is there and is no folder.
        OutputRefusedError: it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise FolderTakenError(f"{folder} is no folder", context={"path": folder})
    if folder.exists():
        lay(_members(image, further or {}), folder.resolve(), ids=ids)
        return
    with contextlib.ExitStack() as stack:
        try:
            place, _ = stack.enter_context(leftover.beside(folder, folder=True))
        except OSError as error:
            raise atomic.OutputRefusedError(
                f"{folder} cannot be made: {error.strerror}", context={"path": folder}
            ) from error
        lay(_members(image, further or {}), place, ids=ids)
        place.rename(folder)


def clear(folder: Path, kept: Container[str]) -> None:
    """Remove everything below `folder` but the paths that are `kept` and what leads to them; no link is followed."""
    for place, folders, files in os.walk(folder, topdown=False):
        own = os.path.relpath(place, folder)
        for name in [*files, *folders]:
            path = name if own == "." else f"{own}/{name}"
            if path in kept:
                continue
            if name in files or os.path.islink(f"{folder}/{path}"):
                os.unlink(f"{folder}/{path}")
            else:
                with contextlib.suppress(OSError):  # not empty: something below is kept
                    os.rmdir(f"{folder}/{path}")


def _members(image: Image, further: Further) -> Iterator[tuple[Entry, BinaryIO | None]]:
    tree = image.tree()
    files: dict[int, dict[str, list[Node]]] = {}
    for node in tree.walk():
        if node.path in further:
            continue
        if node.entry.kind == "file":
            files.setdefault(node.layer, {}).setdefault(node.content, []).append(node)
        elif node.path:
            yield replace(node.entry, path=node.path), None
    for number in sorted(files):
        for found, content in tree.files(number, files[number]):
            nodes = files[number][found.path]
            yield replace(nodes[0].entry, path=nodes[0].path, size=found.size), content
            for other in nodes[1:]:
                yield replace(other.entry, path=other.path, kind="hardlink", size=0, target=nodes[0].path), None
    made = int(datetime.fromisoformat(str(image.config.document["created"])).timestamp()) if further else 0
    for path, data in further.items():
        yield Entry(path, mode=0o600, size=len(data), mtime=made), io.BytesIO(data)
