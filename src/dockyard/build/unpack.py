"""Archives that ADD unpacks: told by their content, not by their names."""

import bz2
import lzma
from collections.abc import Iterator
from typing import BinaryIO, cast

from dockyard.layers import tar
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.tar import ArchiveInvalidError, Entry


def archive_members(path: str) -> Iterator[tuple[Entry, BinaryIO]] | None:
    """The members of the tar archive at `path`, plain or compressed by gzip, bzip2, xz or zstd; None if it is none."""
    with open(path, "rb") as raw:
        try:
            if len(_opened(raw).read(tar.BLOCK)) < tar.BLOCK:
                return None
        except (ArchiveInvalidError, OSError, EOFError, lzma.LZMAError):
            return None  # it only begins like a compressed file
    return _members(path) if _begins(path) else None


def _begins(path: str) -> bool:
    """Whether a first member can be told, behind whatever extended headers."""
    with open(path, "rb") as raw:
        try:
            return next(iter(tar.read(_opened(raw))), None) is not None
        except tar.ArchiveTruncatedError:
            return True  # a header was sound; reading it says what is missing
        except tar.ArchiveEscapeError:
            return True  # an archive all the same: reading it refuses it, where copying it would hide that
        except (ArchiveInvalidError, OSError, EOFError, lzma.LZMAError):
            return False


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
