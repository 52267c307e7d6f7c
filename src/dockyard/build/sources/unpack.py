"""Archives that ADD unpacks: told by their content, not by their names."""

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from dockyard._internal.limits import most_unpacked
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.fault import (
    ArchiveBombError,
    ArchiveEscapeError,
    ArchiveInvalidError,
    ArchiveTruncatedError,
    ArchiveUnfitError,
)
from dockyard.layers.members import members
from dockyard.layers.tar import BLOCK, Entry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 18
_XZ_MEMORY = 160 << 20  # `xz -9` asks for 65 MB; the format allows for 4 GB


def archive_members(path: str) -> Iterator[tuple[Entry, BinaryIO]] | None:
    """The members of the tar archive at `path`, plain or compressed by gzip, bzip2, xz or zstd; None if it is none.

    Raises (from the iterator):
        ArchiveInvalidError: it is damaged.
        ArchiveBombError: it unpacks to far more than an honest archive of its size.
    """
    with open(path, "rb") as raw:
        try:
            if len(_opened(raw).read(BLOCK)) < BLOCK:
                return None
        except ArchiveInvalidError:
            return None  # it only begins like a compressed file
    return _members(path) if _begins(path) else None


def _begins(path: str) -> bool:
    """Whether a first member can be told, behind whatever extended headers."""
    with open(path, "rb") as raw:
        try:
            return next(iter(members(_opened(raw))), None) is not None
        except ArchiveTruncatedError:
            return True  # a header was sound; reading it says what is missing
        except (ArchiveEscapeError, ArchiveUnfitError, ArchiveBombError):
            return True  # an archive all the same: reading it refuses it, where copying it would hide that
        except ArchiveInvalidError:
            return False


def _members(path: str) -> Iterator[tuple[Entry, BinaryIO]]:
    with open(path, "rb") as raw:
        yield from members(_opened(raw), most=most_unpacked(os.fstat(raw.fileno()).st_size))


def _opened(raw: BinaryIO) -> BinaryIO:
    magic = raw.read(6)
    raw.seek(0)
    most = most_unpacked(os.fstat(raw.fileno()).st_size)
    if magic.startswith(b"BZh"):
        return io.BufferedReader(_Stream(raw, bz2.BZ2Decompressor, most), _CHUNK)
    if magic == b"\xfd7zXZ\0":
        return io.BufferedReader(_Stream(raw, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), most), _CHUNK)
    return open_uncompressed(raw, "sniff", most=most)


class _Stream(io.RawIOBase):
    """bzip2 or xz streams one after the other, with bounded memory."""

    def __init__(
        self, raw: BinaryIO, make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], most: int
    ) -> None:
        super().__init__()
        self._raw, self._make, self._most = raw, make, most
        self._stream = make()
        self._pending = b""
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._next(len(view))
        except (lzma.LZMAError, OSError, EOFError, zlib.error, ValueError) as error:
            raise ArchiveInvalidError(f"{self._raw.name} cannot be unpacked: {error}") from error
        self._count += len(data)
        if self._count > self._most:
            raise ArchiveBombError(f"{self._raw.name} unpacks to more than {self._most} bytes")
        view[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        while True:
            if self._stream.eof:
                self._pending = (self._stream.unused_data or self._raw.read(_CHUNK)).lstrip(b"\0")
                if not self._pending:
                    return b""
                self._stream = self._make()
            if self._stream.needs_input and not self._pending:
                self._pending = self._raw.read(_CHUNK)
                if not self._pending:
                    raise ArchiveTruncatedError(f"{self._raw.name} ends inside its compression")
            data: bytes = self._stream.decompress(self._pending, size)
            self._pending = b""
            if data:
                return data
