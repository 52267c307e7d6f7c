"""Letting the disk begin with what was written, so that a flush at the end of a large file has little left to do."""

import contextlib
import os

_STEP = 8 << 20


def begin(handle: int, before: int, after: int) -> None:
    """A file has grown from `before` to `after` bytes: begin to bring it to the disk, a few MiB at a time.

    Nothing is promised by that, and what is still on its way stays in memory, where readers find it.
    """
    first, last = before // _STEP * _STEP, after // _STEP * _STEP
    if first < last and hasattr(os, "posix_fadvise"):
        # "Not needed" begins to write what is dirty, and drops only what is written already.
        with contextlib.suppress(OSError):
            os.posix_fadvise(handle, first, last - first, os.POSIX_FADV_DONTNEED)
