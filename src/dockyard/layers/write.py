"""Writing a layer in one pass: tar, diff ID, compression and digest while the bytes go by.

The tar is cut into segments at file boundaries chosen by the files' names, and each segment becomes one or more
independent gzip members (RFC 1952 allows any number in a row). Members are compressed side by side, yet the blob is the
same for every number of threads; and one changed file changes one segment, so the others can be taken from the blob
that was written before.
"""

import io
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from msgspec.structs import replace

from dockyard._internal.workers import Task, Workers
from dockyard.content.store import Ingest, Reader
from dockyard.errors import Error
from dockyard.layers.compress import MEDIA_TYPES, Compression, Level, compressor, expander
from dockyard.layers.header import header
from dockyard.layers.layer import Layer
from dockyard.layers.tar import BLOCK, END, Entry, padding
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest

_LEAST, _MOST = 1 << 19, 1 << 22
_ONE_IN = 8
_AHEAD = 8
_ZEROS = bytes(BLOCK)

Member = tuple[int, int, int]  # offset and size in the blob, and bytes of tar


class FileChangedError(Error):
    """A file was longer or shorter when it was read than when it was looked at: it changed in between."""

    reference = "file-changed"
    hint = "Run the command again while nothing writes to the files."


class Place(Reader, Protocol):
    """Where a layer is written to and can be read from afterwards."""

    def ingest(self) -> Ingest:
        """Begin to take in a blob."""


def ends_segment(length: int, path: str) -> bool:
    """Whether a segment that has `length` nominal bytes ends after the member at `path`."""
    return length >= _LEAST and (length >= _MOST or zlib.crc32(os.fsencode(path)) % _ONE_IN == 0)


def nominal(size: int) -> int:
    """The bytes of a member with a content of `size`, extended headers not counted."""
    return BLOCK + size + -size % BLOCK


def kept(attributes: Mapping[str, bytes], names: frozenset[str] | None) -> dict[str, bytes]:
    """Those of a member's extended attributes that a layer keeps: the ones with these names, or all."""
    return {key: value for key, value in attributes.items() if names is None or key in names}


class LayerWriter:
    """Writes one layer; a context manager. Leaving without `commit` leaves nothing behind.

    Args:
        store: where the blob goes.
        epoch: members newer than this (seconds since 1970) get it as their time.
        compression: `gzip`, `zstd` or `none`.
        level: `fast` for blobs that stay here, `dense` for blobs that travel.
        attributes: the extended attributes that members keep; all by default.

    Attributes:
        attributes: as given.
        size: bytes of tar so far.
        begun: nominal bytes in the segment under way; 0 where one begins.
        members: what the blob consists of; whole once it is committed.
    """

    def __init__(
        self,
        store: Place,
        *,
        epoch: int | None = None,
        compression: Compression = "gzip",
        level: Level = "fast",
        attributes: frozenset[str] | None = None,
    ) -> None:
        self._store = store
        self.attributes = attributes
        self.epoch = epoch
        self._media_type = MEDIA_TYPES[compression]
        self._compress = compressor(compression, level)
        self._expand = expander(compression)
        self._ingest = store.ingest()
        self._diff = Digest.of(b"").hasher()
        self._segment = bytearray()
        self._pending: deque[Task[tuple[bytes, bytes]]] = deque()
        self._workers = Workers(min(4, os.cpu_count() or 1))
        self._offset = 0
        self._count = 0
        self.size = 0
        self.begun = 0
        self.members: list[Member] = []

    @property
    def count(self) -> int:
        """How many members the blob will have so far."""
        return self._count

    def add(self, entry: Entry, content: BinaryIO | bytes | None = None) -> None:
        """Write a member.

        Args:
            entry: its header; `size` bytes of content follow for a file.
            content: the file's bytes; None for anything but a file, or an empty one.

        Raises:
            FileChangedError: `content` is longer or shorter than `entry.size`.
            DiskFullError: the store is full.
        """
        if self.epoch is not None and entry.mtime > self.epoch:
            entry = replace(entry, mtime=self.epoch)
        if entry.xattrs and self.attributes is not None:
            entry = replace(entry, xattrs=kept(entry.xattrs, self.attributes))
        if isinstance(content, bytes) and entry.kind == "file":
            if len(content) != entry.size:
                raise FileChangedError(f"{entry.path} has {len(content)} bytes, not {entry.size}")
            # One piece, as most files are small and every call counts.
            self._take(header(entry) + content + _ZEROS[: -entry.size % BLOCK])
        else:
            self._take(header(entry))
            if entry.kind == "file" and not isinstance(content, bytes):
                self._add_content(entry, io.BytesIO() if content is None else content)
        self.begun += nominal(entry.size if entry.kind == "file" else 0)
        if ends_segment(self.begun, entry.path):
            self._cut()
            self.begun = 0

    def put(self, path: str, head: bytes, content: bytes) -> None:
        """Write a file whose header is made already (`header.plain_header`); its time is not clamped any more."""
        size = len(content)
        self._segment += b"%b%b%b" % (head, content, _ZEROS[: -size % BLOCK])
        if len(self._segment) >= _MOST:
            self._cut()
        self.begun += nominal(size)
        if ends_segment(self.begun, path):
            self._cut()
            self.begun = 0

    def reuse(self, members: Iterable[Member], read: Callable[[int, int], bytes]) -> None:
        """Take a whole segment from a blob that was written before; `read` gives bytes of it by offset and size.

        Raises:
            ArchiveInvalidError: a member is damaged (when the layer is committed at the latest).
        """
        assert self.begun == 0, "a segment is under way"
        for offset, size, length in members:
            compressed = read(offset, size)
            self._submit(lambda data=compressed, length=length: (data, self._expand(data, length)))  # type: ignore[misc]

    def _add_content(self, entry: Entry, content: BinaryIO) -> None:
        left = entry.size
        while left:
            data = content.read(min(left, 1 << 20))
            if not data:
                raise FileChangedError(f"{entry.path} ended {left} bytes early", context={"file": entry.path})
            left -= len(data)
            self._take(data)
        if content.read(1):
            raise FileChangedError(f"{entry.path} grew beyond {entry.size} bytes", context={"file": entry.path})
        self._take(padding(entry.size))

    def _take(self, data: bytes) -> None:
        self._segment += data
        if len(self._segment) >= _MOST:
            self._cut()

    def _cut(self) -> None:
        if not self._segment:
            return
        plain = bytes(self._segment)
        self._segment.clear()
        self._submit(lambda: (self._compress(plain), plain))

    def _submit(self, work: Callable[[], tuple[bytes, bytes]]) -> None:
        self._count += 1
        self._pending.append(self._workers.submit(work))
        while len(self._pending) > _AHEAD or (self._pending and self._pending[0].done()):
            self._write()

    def _write(self) -> None:
        compressed, plain = self._pending.popleft().result()
        self._diff.update(plain)
        self._ingest.write(compressed)
        self.members.append((self._offset, len(compressed), len(plain)))
        self._offset += len(compressed)
        self.size += len(plain)

    def commit(self) -> Layer:
        """End the tar, make the blob visible and return the layer."""
        self._take(END)
        self._cut()
        while self._pending:
            self._write()
        digest, size = self._ingest.commit()
        return Layer(Descriptor(self._media_type, digest, size), Digest("sha256", self._diff.hexdigest()), self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.close()
        self._ingest.__exit__(kind, error, trace)
