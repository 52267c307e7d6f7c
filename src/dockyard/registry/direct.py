"""Direct I/O (O_DIRECT): writing a file of moderate size past the page cache, to the disk where it has to be anyway.

A blob that is pushed is flushed before that is acknowledged, so keeping its bytes in memory, too, saves nothing but the
first read of it, and costs a copy and memory that other files are read from.
"""

import contextlib
import errno
import mmap
import os
from collections.abc import Iterator, Sequence

from dockyard.registry.blobs import SMALL_BYTES

_BLOCK = 4096
_KEPT = 8
FLAGS = os.O_RDWR | getattr(os, "O_DIRECT", 0)


class Direct:
    """Writes files. May be used from several threads. `able` turns false where the file system shows that it cannot."""

    def __init__(self) -> None:
        self._buffers: list[mmap.mmap] = []
        self.able = hasattr(os, "O_DIRECT")

    @contextlib.contextmanager
    def gathered(self, pieces: Sequence[bytes]) -> Iterator[memoryview]:
        """The pieces one after another, as `write` takes them; at most `SMALL_BYTES`."""
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = mmap.mmap(-1, SMALL_BYTES + _BLOCK)  # begins where a page does, as O_DIRECT needs it
        with memoryview(buffer) as whole:
            end = 0
            for piece in pieces:
                whole[end : end + len(piece)] = piece
                end += len(piece)
            rest = -end % _BLOCK
            whole[end : end + rest] = bytes(rest)
            with whole[:end] as used:
                yield used
        if len(self._buffers) < _KEPT:
            self._buffers.append(buffer)

    def write(self, handle: int, data: memoryview) -> bool:
        """Write what was gathered to an empty file that was opened with `FLAGS`, and flush it; false, and nothing is
        written, if the file system cannot do that or has no room.
        """
        size = len(data)
        with memoryview(data.obj) as buffer, buffer[: size + -size % _BLOCK] as blocks:
            try:
                whole = os.pwrite(handle, blocks, 0) == len(blocks)
            except OSError as error:
                self.able = error.errno != errno.EINVAL
                whole = False
        if not whole or size % _BLOCK:
            os.ftruncate(handle, size if whole else 0)
        if whole:
            os.fsync(handle)
        return whole
