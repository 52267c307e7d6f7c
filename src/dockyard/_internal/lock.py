"""Locks between processes, held by the kernel: they go with the process, even on kill -9."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold an advisory lock on `path` (created if need be) for the block; waits for other processes and threads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Like `locked`, but yields False at once where another process holds the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[FileIO]:
    """Have the file `path` (created if need be) for oneself for the block, to read it and to append to it; waits for
    other processes and threads. Who has it may rename or remove it: who waited for it then gets another.
    """
    while True:
        with _appending(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is(path, file):
                yield file
                return


def _appending(path: Path) -> FileIO:
    try:
        return open(path, "ab+", buffering=0)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "ab+", buffering=0)


def _is(path: Path, file: FileIO) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
