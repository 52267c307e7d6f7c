"""Names beside an output for what is not complete yet; what a killed process left under them goes with the next."""

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dockyard._internal import interrupt


@contextlib.contextmanager
def beside(path: Path, *, folder: bool = False) -> Iterator[tuple[Path, int]]:
    """A new file or folder `.NAME.….tmp` beside `path`, and a handle of it; whoever makes it holds its lock.

    What is still under that name when the block ends is removed, as is what others left there who hold no lock any
    more: they were killed.

    Raises:
        OSError: it cannot be made.
    """
    if folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    clear(path)
    with contextlib.ExitStack() as stack:
        place, handle = _made(path, stack, folder=folder)
        try:
            yield place, handle
        finally:
            os.close(handle)


def clear(path: Path) -> None:
    """Remove what killed processes left beside `path`."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    try:
        names = [name for name in os.listdir(path.parent) if pattern.fullmatch(name)]
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError):
            handle = os.open(path.parent / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if stat.S_ISREG(os.fstat(handle).st_mode) or stat.S_ISDIR(os.fstat(handle).st_mode):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(path.parent / name)
            finally:
                os.close(handle)


def _made(path: Path, stack: contextlib.ExitStack, *, folder: bool) -> tuple[Path, int]:
    while True:
        place = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
        stack.enter_context(interrupt.ended(partial(_remove, place)))
        if folder:
            place.mkdir()
            try:
                handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # somebody took it for a leftover already
        else:
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with contextlib.suppress(OSError):  # a file system without locks: nothing is ever cleared there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if place.exists():  # nobody took it for a leftover before it was locked
            return place, handle
        os.close(handle)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        import shutil  # loads every compression

        shutil.rmtree(place, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            place.unlink()
