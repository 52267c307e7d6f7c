"""What is in one folder, as quickly as it can be told. Only the standard library's quickest parts are imported."""

import hashlib
import marshal
import os
import stat
from collections.abc import Sequence
from typing import Any

_VERSION = 2  # of marshal's format: the last one whose bytes depend on nothing but the values

# Name, mode, size, times of change of content and of anything in nanoseconds, inode, number of names, device, and the
# device that a special file stands for. A plain tuple, as there are very many.
Listed = tuple[str, int, int, int, int, int, int, int, int]

# Times of change and inode of a folder: what adding, removing and renaming in it changes.
Facts = tuple[int, int, int]


def scan(folder: str) -> list[Listed]:
    """What is directly in `folder`, sorted by name.

    Raises:
        OSError: it cannot be read.
    """
    found: list[Listed] = []
    with os.scandir(folder) as entries:
        for each in entries:
            status = each.stat(follow_symlinks=False)
            found.append(
                (
                    each.name,
                    status.st_mode,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_ino,
                    status.st_nlink,
                    status.st_dev,
                    status.st_rdev,
                )
            )
    found.sort()
    return found


def facts(folder: str) -> Facts:
    """A folder's own facts; zeros where it is gone."""
    try:
        status = os.lstat(folder)
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def stamp(rows: Sequence[Listed]) -> tuple[str, int]:
    """What changes whenever something in `rows` does, and the latest change of a file.

    Of a folder only name, mode and time in seconds count, as its other times change with what is in it.
    """
    newest = 0
    told: list[tuple[str | int, ...]] = []
    for row in rows:
        if stat.S_ISDIR(row[1]):
            told.append((row[0], row[1], row[3] // 10**9))
        else:
            told.append(row)
            if row[4] > newest:
                newest = row[4]
    return digest_of(told)[:16], newest


def digest_of(values: Any) -> str:
    """A digest of numbers, strings, bytes, lists and tuples of them; the same on every machine."""
    return hashlib.sha256(marshal.dumps(values, _VERSION)).hexdigest()
