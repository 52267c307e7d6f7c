"""What keeps a secret's value to the command it was given to: out of logs, and out of layers unnoticed."""

import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockyard.build.secret import Secret

_LEAST = 4  # shorter values would hide half of what a command says
_LEAST_IN_FILES = 8  # and be found by chance in any large file
MASK = "***"


def masks(secrets: Iterable[Secret]) -> list[bytes]:
    """What must not be shown of `secrets`, longest first: whole values and, of those with several lines, each line."""
    found: set[bytes] = set()
    for secret in secrets:
        found.update(each.strip() for each in (secret.value, *secret.value.splitlines()))
    return sorted((each for each in found if len(each) >= _LEAST), key=len, reverse=True)


def masked(line: bytes, hidden: Iterable[bytes]) -> bytes:
    """`line` with `***` for what must not be shown."""
    for each in hidden:
        line = line.replace(each, MASK.encode())
    return line


def leaks(folder: Path, secrets: Iterable[Secret]) -> Iterator[tuple[str, str]]:
    """The path in `folder` of every file that holds a secret's whole value, and the secret's id.

    Raises:
        OSError: a file cannot be read, so nobody knows.
    """
    wanted = [(each.id, each.value.strip()) for each in secrets if len(each.value.strip()) >= _LEAST_IN_FILES]
    for place, _, names in os.walk(folder) if wanted else ():
        for name in names:
            path = os.path.join(place, name)
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or not status.st_size:
                continue
            with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                for id, value in wanted:
                    if content.find(value) >= 0:
                        yield os.path.relpath(path, folder), id
