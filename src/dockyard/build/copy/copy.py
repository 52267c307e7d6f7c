"""COPY and ADD: from a source into a layer, in one pass. Where things land is as with BuildKit's file operations."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

import msgspec
from msgspec.structs import replace

from dockyard.build.copy import mode
from dockyard.build.copy.archived import Archived, Named
from dockyard.build.copy.destination import Destination, DestinationInvalidError
from dockyard.build.sources.listing import digest_of
from dockyard.build.sources.source import Contents, Item, Source
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.node import Node
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree

Planned = tuple[Entry, Item | BinaryIO | None]
_NONE: Mapping[Named, Entry] = {}


class Order(msgspec.Struct, frozen=True):
    """How something is copied.

    Attributes:
        node: the instruction, for errors.
        target: absolute, with a slash at its end where it names a folder.
        owner: of everything that is copied or made; None keeps what the source has.
        chmod: octal or symbolic, or empty.
        unpack: whether archives are unpacked.
        excludes: patterns of what stays out, below the folder that is copied.
        mtime: of folders that are made on the way.
    """

    node: Node
    target: str
    owner: tuple[int, int] | None = None
    chmod: str = ""
    unpack: bool = False
    excludes: tuple[str, ...] = ()
    mtime: int = 0


class Copier:
    """Plans what goes into a layer; `destination` knows the image and what was planned before.

    `headers` are those of archives' files that `RelinkedError` told; `same` has the paths where nothing would change.
    """

    same: frozenset[str] = frozenset()

    def __init__(self, order: Order, destination: Destination, headers: Mapping[Named, Entry] = _NONE) -> None:
        self.order, self._destination, self._headers = order, destination, headers
        self._archived: Archived | None = None
        self._octal = mode.octal(order.chmod)
        self._changed: Callable[[int, bool], int] = lambda bits, folder: mode.changed(
            bits, order.chmod, folder=folder, node=order.node
        )
        self._excludes = IgnoreRules.of(order.excludes) if order.excludes else None
        self._links: dict[Any, str] = {}
        self._delayed: list[tuple[Item, str, Entry | None]] = []
        self._includes: IgnoreRules | None = None
        self._filled = False

    def plan(
        self, item: Item, source: Source, includes: IgnoreRules | None = None, *, filled: bool = False
    ) -> Iterator[Planned]:
        """Like `_plan`, with the headers of the image's own folders on the way.

        `filled` says that a folder's content will be written beside this, so that it is told in any case.
        """
        self._filled = filled
        planned: Planned | None = None
        for planned in self._plan(item, source, includes):
            for entry in self._destination.above(planned[0].path, self.order.mtime):
                yield entry, None
            yield planned
        if item.kind != "dir" and planned is not None and planned[1] is item:
            # A file that comes into a folder moves its time, even where a folder of this very step gave it its own.
            for entry in self._destination.moved(planned[0].path, self.order.mtime):
                yield entry, None

    def _plan(self, item: Item, source: Source, includes: IgnoreRules | None) -> Iterator[Planned]:
        """Headers in the order in which they are written, each with the item or stream that its content comes from.

        Args:
            item: what is copied; of a folder its content.
            source: holds it.
            includes: patterns below a folder; only what they match is copied.

        Raises:
            DestinationInvalidError: it cannot go there.
        """
        order, destination = self.order, self._destination
        self._links, self._delayed, self._includes = {}, [], includes
        if order.unpack and item.kind == "file":
            # Every compression is loaded only where it may be met.
            from dockyard.build.sources.unpack import archive_members

            members = archive_members(item.handle) if isinstance(item.handle, str) else None
            if members is not None:
                yield from self._unpacked(members)
                return
        folder = order.target if order.target.endswith("/") else os.path.dirname(order.target)
        yield from self._folders(destination.resolve(folder))
        at = self.at(item)
        if item.kind == "dir" and destination.kind(at) is None:
            yield from self._folders(at, self._time(item))
        else:
            yield from self._folders(at.rpartition("/")[0])
        yield from self._copy(item, "", at, source)

    def at(self, item: Item) -> str:
        """Where an item goes: of a folder its content."""
        at = self._destination.resolve(self.order.target)
        if item.kind != "dir" and self._destination.kind(at) == "dir":
            at = f"{at}/{item.name}" if at else item.name
        return at

    def fresh(self, item: Item) -> str | None:
        """Where a folder's content goes, if nothing can be in its way there and all of it is copied; else None."""
        if item.kind != "dir" or self._excludes is not None:
            return None
        at = self._destination.resolve(self.order.target)
        if not self._destination.tree_is_empty(at):
            return None
        return at

    def _time(self, item: Item) -> int:
        """The time of a folder that is copied; the root of a stage has that of its last step."""
        return item.mtime if item.path or isinstance(item.handle, str) else self.order.mtime

    def _folders(self, path: str, mtime: int | None = None) -> Iterator[Planned]:
        """Headers for the folders that are missing; `mtime` is the last one's time."""
        order = self.order
        bits = 0o755 if self._octal is None else self._octal & 0o777
        for entry in self._destination.folders(path, bits, order.owner, order.mtime):
            if entry.path == path and mtime is not None:
                dated = replace(entry, mtime=mtime)
                self._destination.add(dated)
                yield dated, None
            else:
                yield entry, None

    def _copy(self, item: Item, below: str, at: str, source: Source) -> Iterator[Planned]:
        # A stack of our own, as folders may be nested deeper than functions may call each other.
        open_: list[tuple[Item, str, str, Iterator[Item]]] = []
        yield from self._one(item, below, at, source, open_)
        while open_:
            folder, below, at, children = open_[-1]
            child = next(children, None)
            if child is not None:
                below, at = f"{below}/{child.name}" if below else child.name, f"{at}/{child.name}" if at else child.name
                yield from self._one(child, below, at, source, open_)
                continue
            open_.pop()
            if self._delayed and self._delayed[-1][0] is folder:
                self._delayed.pop()

    def _one(
        self, item: Item, below: str, at: str, source: Source, open_: list[tuple[Item, str, str, Iterator[Item]]]
    ) -> Iterator[Planned]:
        """One item; a folder whose content is wanted is opened."""
        included = True
        if below:
            included = self._includes is None or self._includes.ignored(below)
            if included and self._excludes is not None and self._excludes.ignored(below):
                included = False
        if item.kind == "dir":
            yield from self._folder(item, below, at, included=included)
            if included or self._reached(below):
                open_.append((item, below, at, iter(source.children(item))))
            return
        if not included:
            return
        if at in self.same and not self._destination.has(at):
            return
        yield from self._late()
        if self._destination.kind(at) == "dir":
            raise DestinationInvalidError(f"/{at} is a folder there, which the file cannot replace")
        if item.link is not None:
            first = self._links.setdefault(item.link, at)
            if first != at:
                yield replace(self.entry(item, at), kind="hardlink", size=0, target=first), None
                return
        yield self.entry(item, at), item

    def _folder(self, item: Item, below: str, at: str, *, included: bool) -> Iterator[Planned]:
        if included:
            yield from self._folder_itself(item, at, whole=bool(below))
        elif self._reached(below):
            self._delayed.append((item, at, None))

    def _reached(self, below: str) -> bool:
        """Whether something in a folder that is not copied itself may be."""
        if self._excludes is not None and self._excludes.ignored(below) and not self._excludes.negated:
            return False
        return self._includes is None or self._includes.may_reach(below)

    def _folder_itself(self, item: Item, at: str, *, whole: bool) -> Iterator[Planned]:
        """The folder's header. A folder that is there already gets it only once something is written below.

        As with BuildKit, whose layers do not tell of a folder of which nothing has changed but the time; and the
        folder that COPY names keeps what it is.
        """
        found = self._destination.look(at)
        if found is not None and found.kind != "dir":
            raise DestinationInvalidError(f"/{at} is there and is no folder")
        if found is not None and not whole:
            # It keeps what it is, but takes the time of the folder that is copied.
            if at:
                yield from self._timed(item, found, replace(found, path=at, mtime=self._time(item)))
            return
        entry = self.header(item, at)
        if found is None or (found.mode, found.uid, found.gid, found.xattrs) != (
            entry.mode,
            entry.uid,
            entry.gid,
            entry.xattrs,
        ):
            yield from self._late()
            self._destination.add(entry)
            yield entry, None
        else:
            yield from self._timed(item, found, entry)

    def _timed(self, item: Item, found: Entry, entry: Entry) -> Iterator[Planned]:
        """A folder that differs from what is there in its time at most: at once where this layer tells of it anyway."""
        if not self._filled and not self._destination.told(entry.path):
            self._delayed.append((item, entry.path, entry))
        elif found.mtime != entry.mtime or not self._destination.made(entry.path):
            self._destination.add(entry)
            yield entry, None

    def _late(self) -> Iterator[Planned]:
        """Folders that are told only because something below them is copied."""
        delayed, self._delayed = self._delayed, []
        for item, at, entry in delayed:
            if entry is not None:
                self._destination.add(entry)
                yield entry, None
                continue
            found = self._destination.look(at)
            if found is None:
                yield self.entry(item, at, self.order.mtime), None
            elif found.kind == "dir" and found.mode != item.mode:
                changed = replace(found, path=at, mode=item.mode)
                self._destination.add(changed)
                yield changed, None

    def entry(self, item: Item, at: str, mtime: int | None = None) -> Entry:
        """The header that `item` gets at the path `at`; with `mtime` instead of its own time, if that is given."""
        entry = self.header(item, at, mtime)
        self._destination.add(entry)
        return entry

    def header(self, item: Item, at: str, mtime: int | None = None) -> Entry:
        """The same, of something that may not be written."""
        owner, kind = self.order.owner, item.kind
        uid, gid = (item.uid, item.gid) if owner is None else owner
        bits = item.mode
        if kind == "symlink":
            bits = 0o777  # whatever its layer says: BuildKit copies from a file system, which knows no other
        elif self._octal is not None:
            bits = self._octal
        elif self.order.chmod:
            bits = self._changed(bits, kind == "dir")
        return Entry(
            at,
            kind,
            bits,
            uid,
            gid,
            item.size,
            item.mtime if mtime is None else mtime,
            item.target,
            item.major,
            item.minor,
            item.xattrs,
        )

    def _unpacked(self, members: Iterator[tuple[Entry, BinaryIO]]) -> Iterator[Planned]:
        order, destination = self.order, self._destination
        root = destination.resolve(order.target)
        for entry in destination.folders(root, 0o755, order.owner, order.mtime):
            yield entry, None
        if self._archived is None:
            self._archived = Archived(destination, order.owner, order.mtime, self._headers)
        yield from self._archived.plan(members, root)


class Members(Protocol):
    """Takes the members of a layer."""

    def add(self, entry: Entry, content: bytes | BinaryIO | None = None) -> None:
        """Take in one; a stream is read to its end."""


class Out:
    """A layer being written, and the key of its content: everything but the times."""

    def __init__(self, writer: Members) -> None:
        self._writer = writer
        self._hash = hashlib.sha256()

    def add(self, entry: Entry, content: bytes | BinaryIO | None) -> None:
        """Write one member."""
        self._hash.update(digest_of(facts(entry)).encode())
        if isinstance(content, bytes):
            self._hash.update(content)
            self._writer.add(entry, content)
        else:
            self._writer.add(entry, None if content is None else Hashed(content, self._hash))  # type: ignore[arg-type]

    def note(self, content: str) -> None:
        """Take in the digest of members that were written beside this."""
        self._hash.update(content.encode())

    def key(self) -> str:
        """The key of what was written so far."""
        return self._hash.hexdigest()


class Hashed:
    """A stream whose bytes are hashed on their way."""

    def __init__(self, stream: BinaryIO, hasher: "hashlib._Hash") -> None:
        self._stream, self._hasher = stream, hasher

    def read(self, size: int = -1) -> bytes:
        """Bytes of the stream."""
        data = self._stream.read(size)
        self._hasher.update(data)
        return data


def facts(entry: Entry) -> tuple[object, ...]:
    """Everything that a header says but for the time."""
    e = entry
    attributes = sorted(e.xattrs.items()) if e.xattrs else None
    return (e.path, e.kind, e.mode, e.uid, e.gid, e.size, e.target, e.major, e.minor, attributes)


def write(planned: Iterator[Planned], source: Contents, out: Out) -> None:
    """Write what was planned, as it comes."""
    for entry, content in planned:
        if not isinstance(content, Item):
            out.add(entry, content)
            continue
        if entry.kind != "file" or not entry.size:
            out.add(entry, None)
            continue
        data = source.content(content)
        if isinstance(data, bytes):
            out.add(entry, data)
        else:
            with data:
                out.add(entry, data)


def write_tree(planned: Iterator[Planned], tree: FileTree, out: Out) -> None:
    """Write what was planned from `tree`.

    Folders and links come first; then files in the order in which they lie in their layers, so that each layer is read
    once, front to back; hard links last.
    """
    files: dict[int, dict[str, dict[str, Entry]]] = {}
    links: list[Entry] = []
    for entry, item in planned:
        if isinstance(item, Item) and entry.kind == "file":
            node = item.handle
            files.setdefault(node.layer, {}).setdefault(node.content, {})[entry.path] = entry
        elif entry.kind == "hardlink":
            links.append(entry)
        else:
            out.add(entry, None)
    for number in sorted(files):
        wanted = files[number]
        for found, content in tree.files(number, wanted):
            entries = list(wanted[found.path].values())
            if len(entries) == 1:
                out.add(replace(entries[0], size=found.size), content)
            else:
                data = content.read()
                for entry in entries:
                    out.add(replace(entry, size=found.size), data)
    for entry in links:
        out.add(entry, None)
