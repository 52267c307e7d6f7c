"""The bounds within which input from strangers is read."""

from typing import Protocol

from dockyard.errors import Error

MANIFEST_BYTES = 4 << 20
CONFIG_BYTES = 8 << 20
DOCKERFILE_BYTES = 4 << 20
GRAPH_DEPTH = 8  # an index over images over layers is 2
PATH_BYTES = 4096
TAR_ENTRIES = 4_000_000
NAME_BYTES = 255
PAX_BYTES = 1 << 20
SPARSE_BYTES = 64 << 30
_BOMB_BYTES, _BOMB_RATIO = 16 << 30, 1_100  # gzip reaches 1,032 to one


class TooLargeError(Error):
    """Something a stranger sent is larger than the bound for its kind, so it was not read."""

    reference = "too-large"
    hint = "If the input is yours and really that large, report it: the bound is there against hostile input."


def most_unpacked(size: int) -> int:
    """How many bytes `size` compressed bytes may stand for before they count as a bomb."""
    return _BOMB_BYTES + _BOMB_RATIO * size


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def read_bounded(stream: _Readable, limit: int, what: str) -> bytes:
    """All of `stream`, which is at most `limit` bytes long.

    Raises:
        TooLargeError: more than `limit` bytes came; no more than one chunk beyond the limit is held.
    """
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(min(1 << 20, limit + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"{what} is larger than {limit} bytes", context={"limit": limit})
    return b"".join(chunks)
