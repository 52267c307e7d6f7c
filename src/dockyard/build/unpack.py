"""Archives that ADD unpacks: told by their content, not by their names."""

import bz2
import io
import lzma
from collections.abc import Iterator
from typing import BinaryIO, cast

from dockyard.layers import tar
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.tar import ArchiveInvalidError, Entry

_HEAD = 512


def archive_members(path: str) -> Iterator[tuple[Entry, BinaryIO]] | None:
    """The members of the tar archive at `path`, plain or compressed by gzip, bzip2, xz or zstd; None if it is none."""
    with open(path, "rb") as raw:
        try:
            head = _opened(raw).read(_HEAD)
        except (ArchiveInvalidError, OSError, lzma.LZMAError):
            return None  # it only begins like a compressed file
    if len(head) < _HEAD or not _is_header(head):
        return None
    return _members(path)


def _members(path: str) -> Iterator[tuple[Entry, BinaryIO]]:
    with open(path, "rb") as raw:
        yield from tar.read(_opened(raw))


def _opened(raw: BinaryIO) -> BinaryIO:
    magic = raw.read(6)
    raw.seek(0)
    try:
        if magic.startswith(b"BZh"):
            return cast("BinaryIO", bz2.open(raw))
        if magic == b"\xfd7zXZ\0":
            return cast("BinaryIO", lzma.open(raw))
        return open_uncompressed(raw, "sniff")
    except (OSError, lzma.LZMAError) as error:
        raise ArchiveInvalidError(f"{raw.name} cannot be unpacked: {error}") from error


def _is_header(block: bytes) -> bool:
    try:
        for _ in tar.read(io.BytesIO(block + tar.END)):
            return True
    except tar.ArchiveTruncatedError:
        return True  # the header is sound; only its content is not in this block
    except tar.ArchiveEscapeError:
        return True  # an archive all the same: reading it refuses it, where copying it would hide that
    except ArchiveInvalidError:
        return False
    return False
