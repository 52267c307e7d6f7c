"""A layer's list of members, read once and kept by the layer's digest.

Kept as one msgpack file a layer; the name carries the format's version, so that a changed format is read anew.
"""

import contextlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

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

    Where a path stands in a layer more than once, the last one counts, as it does when the layer is unpacked.
    """
    left = Counter(entry.path for entry in known if entry.kind == "file" and entry.path in wanted)
    for entry, content in layer.entries():
        if entry.kind == "file" and entry.path in left:
            left[entry.path] -= 1
            if not left[entry.path]:
                yield entry, content
