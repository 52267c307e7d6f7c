"""What is in one folder, as quickly as it can be told. Only the standard library's quickest parts are imported."""

import hashlib
import marshal
import os
import stat
from operator import attrgetter

TYPE_CHECKING = False  # `typing` takes longer to load than this module, and is not there yet when a build begins
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_VERSION = 2  # of marshal's format: the last one whose bytes depend on nothing but the values

# Mode, size, times of change of content and of anything in nanoseconds, inode, number of names, device, and the device
# that a special file stands for.
Words = tuple[int, int, int, int, int, int, int, int]

# A name and its words. A plain tuple, as there are very many.
Listed = tuple[str, int, int, int, int, int, int, int, int]

# Times of change and inode of a folder: what adding, removing and renaming in it changes.
Facts = tuple[int, int, int]

_WORDS = attrgetter("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_nlink", "st_dev", "st_rdev")


def look(folder: str) -> "tuple[list[str], list[Words]]":
    """The names directly in `folder`, in the order in which the kernel gives them, and the words of each.

    Raises:
        OSError: it cannot be read.
    """
    names = os.listdir(folder)
    # The kernel finds a bare name in half the time of a path; so whoever looks at very many goes there first.
    places = names if folder == "." else [f"{folder}/{name}" for name in names]
    return names, list(map(_WORDS, map(os.lstat, places)))


def packed(names: "Sequence[str]", words: "list[Words]") -> bytes:
    """What `look` gave, in a sixth of the memory, which takes its time to get, too."""
    return marshal.dumps(("\0".join(names), words), _VERSION)


def sight(listing: bytes) -> str:
    """What differs whenever anything does in what was `packed`, the order and the times of folders among it."""
    return hashlib.sha256(listing).hexdigest()[:16]


def rows(listing: bytes) -> "list[Listed]":
    """What was `packed` as rows, sorted by name."""
    names, words = marshal.loads(listing)  # noqa: S302 (from this program itself)
    return sorted((name, *each) for name, each in zip(names.split("\0") if words else (), words, strict=True))


def facts(folder: str) -> Facts:
    """A folder's own facts; zeros where it is gone."""
    try:
        status = os.lstat(folder)
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def stamp(rows: "Sequence[Listed]") -> tuple[str, int]:
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


def digest_of(values: "Any") -> str:
    """A digest of numbers, strings, bytes, lists and tuples of them; the same on every machine."""
    return hashlib.sha256(marshal.dumps(values, _VERSION)).hexdigest()
