"""The segments of the layer that a COPY wrote the last time, to be taken over where nothing in them changed."""

from pathlib import Path

import msgspec

from dockyard._internal import atomic
from dockyard.content.layout import Layout
from dockyard.layers.write import Member
from dockyard.oci.digest import Digest


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A run of members of the blob: `key` covers the facts of its files, `content` everything but the times."""

    key: str
    content: str
    members: list[tuple[int, int, int]]


class _File(msgspec.Struct, array_like=True):
    blob: str
    segments: list[Segment]


class Segments(msgspec.Struct, dict=True):
    """What is known of one COPY's last layer; `made` becomes what is known of it after `save`.

    Args:
        path: the file that keeps it.
        store: has the blob.
    """

    path: Path
    store: Layout

    def __post_init__(self) -> None:
        self.known: dict[str, Segment] = {}
        self.made: list[tuple[str, str, int, int]] = []
        self._blob: Path | None = None
        try:
            file = msgspec.msgpack.decode(self.path.read_bytes(), type=_File)
            blob = self.store.blob_path(Digest.parse(file.blob))
        except (OSError, msgspec.MsgspecError):  # never cut, or by another version: compressed anew
            return
        if blob.is_file():
            self._blob = blob
            self.known = {segment.key: segment for segment in file.segments}

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the last layer's blob; a damaged one shows when they are expanded."""
        assert self._blob is not None
        with open(self._blob, "rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    def save(self, blob: Digest, members: list[Member]) -> None:
        """Keep what was made: `made` has key, content, and the numbers of its first and last-but-one member."""
        segments = [Segment(key, content, members[first:last]) for key, content, first, last in self.made]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(self.path, msgspec.msgpack.encode(_File(str(blob), segments)), durable=False)
