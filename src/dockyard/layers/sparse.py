"""Sparse members of tar archives: GNU's old form, and the three forms 0.0, 0.1 and 1.0 in extended headers.

Only the pieces with data are stored, with a map of where they go. They are read as what they stand for: the whole
file, zeros where there are holes.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol

from dockyard._internal.limits import PAX_BYTES, SPARSE_BYTES
from dockyard.layers.fault import ArchiveInvalidError, ArchiveTruncatedError, ArchiveUnfitError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 512
_DIGITS = 20
NAME, SIZE, REAL_SIZE = "GNU.sparse.name", "GNU.sparse.size", "GNU.sparse.realsize"
MAP, OFFSET, LENGTH = "GNU.sparse.map", "GNU.sparse.offset", "GNU.sparse.numbytes"

Piece = tuple[int, int]  # where it goes in the file, and its bytes


class _Numbers(Protocol):
    def __call__(self, field: bytes, /) -> int: ...


def old_map(block: bytes, stream: BinaryIO, number: _Numbers) -> tuple[list[Piece], int]:
    """The map and real size in a header of type `S`, and in the blocks behind it that `stream` gives.

    Raises:
        ArchiveInvalidError: the map is too large.
        ArchiveTruncatedError: the archive ends inside it.
    """
    numbers = [number(block[at : at + 12]) for at in range(386, 482, 12)]
    real, more = number(block[483:495]), block[482:483] != b"\0"
    while more:
        if len(numbers) * 12 > PAX_BYTES:
            raise ArchiveInvalidError("a sparse member's map is too large")
        extension = stream.read(_BLOCK)
        if len(extension) < _BLOCK:
            raise ArchiveTruncatedError("the archive ends inside a sparse member's map")
        numbers += [number(extension[at : at + 12]) for at in range(0, 504, 12)]
        more = extension[504:505] != b"\0"
    pieces = _paired(numbers)
    return [piece for piece in pieces if piece != (0, 0)], real


def extended_map(records: Mapping[str, bytes]) -> list[Piece]:
    """The map of the forms 0.0 and 0.1, which stands in the extended header."""
    text = records.get(MAP, b"")
    return _paired([_whole(each) for each in text.split(b",")] if text else [])


def leading_map(content: BinaryIO) -> list[Piece]:
    """The map of the form 1.0, which fills whole blocks before the data; `content` is read up to the data.

    Raises:
        ArchiveInvalidError: the map is too large.
        ArchiveTruncatedError: the archive ends inside it.
    """
    text = b""

    def line(at: int) -> tuple[int, int]:
        nonlocal text
        while (end := text.find(b"\n", at)) < 0:
            if len(text) > PAX_BYTES:
                raise ArchiveInvalidError("a sparse member's map is too large")
            more = content.read(_BLOCK)
            if len(more) < _BLOCK:
                raise ArchiveTruncatedError("the archive ends inside a sparse member's map")
            text += more
        return _whole(text[at:end]), end + 1

    count, at = line(0)
    if count * 4 > PAX_BYTES:
        raise ArchiveInvalidError("a sparse member's map is too large")
    numbers = []
    for _ in range(2 * count):
        found, at = line(at)
        numbers.append(found)
    return _paired(numbers)


def checked(pieces: Sequence[Piece], real: int, stored: int, path: str) -> None:
    """Refuse a map that contradicts itself, or a file that is too large.

    Raises:
        ArchiveInvalidError: pieces overlap, are out of order, go beyond the end, or are not what is stored.
        ArchiveUnfitError: the file is larger than may be unpacked.
    """
    if not 0 <= real <= SPARSE_BYTES:
        raise ArchiveUnfitError(f"the sparse member {path!r} stands for {real} bytes, more than {SPARSE_BYTES}")
    end = 0
    for offset, length in pieces:
        if offset < end or length < 0 or offset + length > real:
            raise ArchiveInvalidError(f"the map of the sparse member {path!r} contradicts itself")
        end = offset + length
    if sum(length for _, length in pieces) > stored:
        raise ArchiveInvalidError(f"the sparse member {path!r} stores less than its map says")


def _paired(numbers: Sequence[int]) -> list[Piece]:
    if len(numbers) % 2:
        raise ArchiveInvalidError("a sparse member's map has an odd number of entries")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _whole(text: bytes) -> int:
    if not text.isdigit() or len(text) > _DIGITS:
        raise ArchiveInvalidError(f"a sparse member has the malformed number {text[:40]!r}")
    return int(text)


class Expanded(io.RawIOBase):
    """The whole file: the pieces of `content`, zeros between and behind them."""

    def __init__(self, content: BinaryIO, pieces: Sequence[Piece], real: int) -> None:
        super().__init__()
        self._content, self._pieces, self._real = content, list(pieces[::-1]), real
        self._at = 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:  # noqa: D102
        view = memoryview(buffer).cast("B")
        if not len(view):
            return 0
        while self._pieces and self._at >= sum(self._pieces[-1]):
            self._pieces.pop()
        offset, length = self._pieces[-1] if self._pieces else (self._real, 0)
        if self._at == self._real:
            return 0
        if self._at < offset:
            size = min(len(view), offset - self._at)
            view[:size] = bytes(size)
        else:
            data = self._content.read(min(len(view), offset + length - self._at))
            size = len(data)
            if not size:
                raise ArchiveTruncatedError("the archive ends inside a sparse member")
            view[:size] = data
        self._at += size
        return size
