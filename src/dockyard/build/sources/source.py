"""What COPY and ADD take from: items with their metadata, found by pattern, whatever holds them."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Protocol

from dockyard.dockerfile.node import Node
from dockyard.layers.tar import Kind

# A backslash hides what follows it; of itself it makes no pattern, and then stands for itself.
WILD = re.compile(r"\A(?:[^\\*?\[]|\\.)*[*?\[]", re.DOTALL)
_PIECE = 1 << 20
_PLAIN: Mapping[str, bytes] = {}


class Item:
    """A file, folder or link of a source.

    Attributes:
        name: the last part of its path, as it was asked for.
        path: where the source has it, links on the way followed.
        kind, mode, uid, gid, size, mtime, target, major, minor, xattrs: as in `layers.tar.Entry`.
        link: what the names of one file have in common; None for a file with one name.
        handle: what the source reads it by.
        facts: size, times of change and inode that a file had when it was listed, where it could change.
    """

    __slots__ = (
        "facts",
        "gid",
        "handle",
        "kind",
        "link",
        "major",
        "minor",
        "mode",
        "mtime",
        "name",
        "path",
        "size",
        "target",
        "uid",
        "xattrs",
    )

    def __init__(
        self,
        name: str,
        path: str,
        kind: Kind,
        mode: int,
        uid: int = 0,
        gid: int = 0,
        size: int = 0,
        mtime: int = 0,
        target: str = "",
        major: int = 0,
        minor: int = 0,
        xattrs: Mapping[str, bytes] = _PLAIN,
        link: Any = None,
        handle: Any = None,
        facts: tuple[int, int, int, int] | None = None,
    ) -> None:
        self.name, self.path, self.kind, self.mode = name, path, kind, mode
        self.uid, self.gid, self.size, self.mtime = uid, gid, size, mtime
        self.target, self.major, self.minor, self.xattrs = target, major, minor, xattrs
        self.link, self.handle, self.facts = link, handle, facts


class Source(Protocol):
    """A tree of items."""

    def find(self, pattern: str, node: Node) -> list[Item]:
        """What `pattern` (Go's `filepath.Match`) names, sorted; nothing where a pattern with wildcards matches nothing.

        Raises:
            SourceMissingError: a path without wildcards is not there.
        """

    def has(self, path: str) -> bool:
        """Whether something is at `path` itself, with no link followed on the way."""

    def children(self, item: Item) -> Iterable[Item]:
        """What is directly in a folder, sorted by name."""


class Contents(Source, Protocol):
    """A tree of items that are read one by one."""

    def content(self, item: Item) -> bytes | BinaryIO:
        """A file's content, exactly `size` bytes."""


def digest(item: Item, source: Contents) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    data = source.content(item)
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data:
        return hashed(data)


def hashed(stream: BinaryIO) -> str:
    """The SHA-256 of what is left in a stream, in hexadecimal digits."""
    found = hashlib.sha256()
    while data := stream.read(_PIECE):
        found.update(data)
    return found.hexdigest()


class Files:
    """A source of single files: heredocs (`handle` has the bytes) and downloads (`handle` is a path)."""

    def __init__(self, *items: Item) -> None:
        self._items = items

    def find(self, pattern: str, node: Node) -> list[Item]:
        """All of them: who asks has just made them."""
        return list(self._items)

    def has(self, path: str) -> bool:
        """Whether one has that name."""
        return any(item.path == path for item in self._items)

    def children(self, item: Item) -> Iterable[Item]:
        """Nothing: there are only files."""
        return ()

    def content(self, item: Item) -> bytes | BinaryIO:
        """The bytes, or the file that `handle` names."""
        return item.handle if isinstance(item.handle, bytes) else open(item.handle, "rb")
