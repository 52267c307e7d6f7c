"""A layer's list of members, read once and kept by the layer's digest.

Kept as one msgpack file a layer; the name carries the format's version, so that a changed format is read anew.
"""

import contextlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from dockyard._internal import atomic
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry

_FORMAT = 1


def entries(layer: Layer, cache: Path | None = None) -> list[Entry]:
    """The headers of `layer`'s members in order; from `cache` where they were read before.

    Raises:
        ArchiveInvalidError, DigestMismatchError: the layer is damaged; nothing is cached.
    """
    path = cache / f"{layer.descriptor.digest.hex}.v{_FORMAT}.entries" if cache is not None else None
    if path is not None:
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=list[Entry])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            pass  # absent or from an interrupted disk: read the layer
    found = [entry for entry, _ in layer.entries()]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names that are not UTF-8 cannot be kept so; such layers are rare and read again.
        with contextlib.suppress(UnicodeEncodeError):
            atomic.write(path, msgspec.msgpack.encode(found), durable=False)
    return found


def files(layer: Layer, wanted: Container[str], known: Iterable[Entry]) -> Iterator[tuple[Entry, BinaryIO]]:
    """The files of a layer that are `wanted`, with their content, each once; `known` are its members.

    What counts is what lies at a path when the whole layer is unpacked: of a path that stands in it more than once the
    last member, and of one that only hard links name the file that they name; it is given by that path.
    """
    met: Counter[str] = Counter()
    last: dict[str, tuple[str, int]] = {}  # what is at a path: the file that was stored there, and how many before it
    for entry in known:
        if entry.kind == "file":
            last[entry.path] = (entry.path, met[entry.path])
            met[entry.path] += 1
        elif entry.kind == "hardlink" and entry.target in last:
            last[entry.path] = last[entry.target]
        else:
            last.pop(entry.path, None)
    places = {file: path for path, file in last.items() if path in wanted}
    met.clear()
    for entry, content in layer.entries():
        if entry.kind == "file":
            path = places.get((entry.path, met[entry.path]))
            met[entry.path] += 1
            if path is not None:
                yield entry if path == entry.path else replace(entry, path=path), content
