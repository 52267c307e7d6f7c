"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dockyard._internal import leftover
from dockyard.errors import DiskFullError, Error, UsageError


class OutputRefusedError(UsageError):
    """A file that was named for output cannot be written: it is a folder, its folder is not there, or this user may
    not write to it.
    """

    reference = "output-refused"
    hint = "Name a file in a folder that is there and that you may write to."


class OutputClosedError(Error):
    """Whoever read the output stopped before its end, so what they have is not whole."""

    reference = "output-closed"
    hint = "Look at what the program behind the pipe said."


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or quota into `DiskFullError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left on the disk that holds {path}", context={"path": path}) from error
        raise


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o644, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` and rename it over `path` when the block ends well.

    A reader sees the old content or the new, never a part. If the block raises, `path` is untouched and the
    temporary file is gone. With `durable` the content is on disk before the rename.

    Raises:
        DiskFullError: no space is left; `path` is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    with disk_errors(path):
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def output(path: Path) -> Iterator[BinaryIO]:
    """Open the file that a user named for output, as `replacing` does.

    A link is followed, and what is neither a file nor a folder, such as a pipe or `/dev/null`, is written to as it is.

    Raises:
        OutputRefusedError: it cannot be opened.
        OutputClosedError: the reader of a pipe went away.
        DiskFullError: no space is left; a file is untouched.
    """
    with contextlib.ExitStack() as stack:
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            special = path.exists() and not stat.S_ISREG(path.stat().st_mode)
            opened = _special(path) if special else _whole(Path(os.path.realpath(path)))
            stream = stack.enter_context(opened)
        except OSError as error:
            raise OutputRefusedError(f"{path} cannot be written: {error.strerror}", context={"path": path}) from error
        yield stream


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`; what a killed process left beside the file is removed, too."""
    with disk_errors(path), leftover.beside(path) as (place, handle):
        with open(handle, "wb", closefd=False) as stream:
            yield stream
            stream.flush()
            os.fsync(handle)
        os.replace(place, path)


@contextlib.contextmanager
def _special(path: Path) -> Iterator[BinaryIO]:
    stream = open(path, "wb")
    try:
        with disk_errors(path):
            yield stream
            stream.flush()
    except BrokenPipeError as error:
        raise OutputClosedError(f"the reader of {path} closed it early", context={"path": path}) from error
    finally:
        with contextlib.suppress(OSError):  # what could not be written would be tried again
            stream.close()


def write(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace `path`'s content with `data`, whole or not at all."""
    with replacing(path, mode=mode, durable=durable) as stream:
        stream.write(data)
