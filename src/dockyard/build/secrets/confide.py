"""Detection of leaked secrets: looking for their values in the files that a RUN wrote, which would be in the image."""

import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockyard.build.secrets.secret import Secret

_LEAST = 8  # shorter values are found by chance in any large file


def leaks(folder: Path, secrets: Iterable[Secret]) -> Iterator[tuple[str, str]]:
    """The path in `folder` of every file that holds a secret's whole value, and the secret's id.

    Raises:
        OSError: a file cannot be read, so nobody knows.
    """
    wanted = [(each.id, each.value.strip()) for each in secrets if len(each.value.strip()) >= _LEAST]
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
