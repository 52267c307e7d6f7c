"""The upper folder of an overlay mount as a layer: what a RUN step changed."""

import filecmp
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from dockyard.layers.apply import Ids, opaque_attribute
from dockyard.layers.links import Node
from dockyard.layers.tar import Entry, Kind
from dockyard.layers.tree import OPAQUE, WHITEOUT, FileTree
from dockyard.layers.unsaid import Unsaid
from dockyard.layers.write import LayerWriter, kept

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}
_OVERLAY = ("trusted.overlay.", "user.overlay.")


# What was found below a folder: its path, where it is, and what `stat` says; None where it was deleted.
Found = tuple[str, str, os.stat_result | None]


class Left:
    """What was left out of a layer.

    Attributes:
        paths: what is the same below.
        times: of the folders among them.
        opened: whether an opaque folder was told by what is gone from it, so that the layer is not what `upper` holds.
    """

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self.times: dict[str, int] = {}
        self.opened = False
        self.names: dict[tuple[int, int], list[str]] = {}

    def unsaid(self) -> Unsaid:
        """What the layer does not tell."""
        several = (names for names in self.names.values() if len(names) > 1)
        return Unsaid(self.times, tuple(tuple(each) for each in several if any(path in self.paths for path in each)))


def diff(
    upper: Path,
    writer: LayerWriter,
    *,
    lower: FileTree | None,
    folders: Sequence[Path] = (),
    ids: Ids = "all",
    left: Left | None = None,
) -> int:
    """Write what `upper` holds into `writer`, each folder before what is in it, and return how many members that were.

    Overlay's devices 0:0 become whiteouts; its other attributes and sockets are left out. With `lower`, what was only
    touched is left out: files that are the same as below, and folders with the same header but for the time; such a
    folder stands in the layer, with its new time, where something in it changed.

    A folder that was made anew where one had been, which overlay marks as opaque, becomes an opaque whiteout. With
    `folders` its content is compared, too, and what is gone is told by its name, as BuildKit does: so a folder that was
    moved away and back costs nothing.

    Args:
        upper: the upper folder.
        writer: gets the members.
        lower: what lies below.
        folders: its layers unpacked, lowest first; without them files are not compared.
        ids: as for `apply`; with a `single` ID, what lies below keeps its owner.
        left: gets what was left out.
    """
    return write(_walk(upper), writer, lower=lower, folders=folders, ids=ids, left=left)


def write(
    items: Iterable[Found],
    writer: LayerWriter,
    *,
    lower: FileTree | None,
    folders: Sequence[Path] = (),
    ids: Ids = "all",
    left: Left | None = None,
) -> int:
    """What `diff` does, for `items` sorted by path, each after the folder that holds it."""
    differ = _Differ(writer, lower, folders, ids, Left() if left is None else left)
    for path, place, found in items:
        differ.take(path, place, found)
    return differ.count


class _Differ:
    def __init__(
        self, writer: LayerWriter, lower: FileTree | None, folders: Sequence[Path], ids: Ids, left: Left
    ) -> None:
        self._writer, self._lower, self._folders, self._ids, self._left = writer, lower, folders, ids, left
        self._mark = opaque_attribute(ids)
        self._links: dict[tuple[int, int], str] = {}
        self._waiting: dict[tuple[int, int], list[Entry]] = {}
        self._above: list[Entry] = []
        self._hidden = ""  # the opaque folder that the walk is in: nothing below it shows
        self._opened = ""  # the opaque folder whose content is compared
        self.count = 0

    def take(self, path: str, place: str, found: os.stat_result | None) -> None:
        """Write what is at `path`, where it is not left out."""
        if self._hidden and not path.startswith(self._hidden):
            self._hidden = ""
        if self._opened and not path.startswith(self._opened):
            self._opened = ""
        if found is None:
            self._tell(_whiteout(path, int(time.time())))
            return
        if self._opened and _is_whiteout(found):
            return  # what is gone from there is told by `_gone`
        below = None if self._hidden else self._below(path)
        several = found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode)
        inode = (found.st_dev, found.st_ino)
        if several:
            self._left.names.setdefault(inode, []).append(path)
        if _unchanged(below, place, found, self._folders, self._ids, self._writer.attributes):
            if several and self._opened:
                self._another(path, place, found, inode)
            else:
                self._left.paths[path] = None
            return
        entry = _entry(path, place, found, self._links)
        if entry is None:
            return
        if entry.kind == "dir":
            self._folder(entry, place, below)
            return
        self._tell(self._owned(entry, below), place)
        for each in self._waiting.pop(inode, ()) if several else ():
            self._tell(replace(each, target=path))
            del self._left.paths[each.path]

    def _below(self, path: str) -> Node | None:
        """What is at `path` itself below."""
        node = self._lower.get(path, follow=False) if self._lower is not None else None
        return node if node is not None and node.path == path else None

    def _owned(self, entry: Entry, below: Node | None) -> Entry:
        """With the owner that it has below: with a single ID nobody can have changed that."""
        if self._ids != "single" or below is None or below.entry.kind != entry.kind or entry.kind == "hardlink":
            return entry
        return replace(entry, uid=below.entry.uid, gid=below.entry.gid)

    def _another(self, path: str, place: str, found: os.stat_result, inode: tuple[int, int]) -> None:
        """A file in an opened folder that is the same as below: told only as a name of one that is in the layer."""
        first = self._links.get(inode)
        entry = _entry(path, place, found, {inode: first or ""})
        assert entry is not None
        if first is not None:
            self._tell(entry)
            return
        self._left.paths[path] = None
        self._waiting.setdefault(inode, []).append(entry)

    def _folder(self, entry: Entry, place: str, below: Node | None) -> None:
        path = entry.path
        entry = self._owned(entry, below)
        opaque = not self._hidden and self._mark in os.listxattr(place, follow_symlinks=False)
        compared = self._lower is not None and bool(self._folders)
        if opaque and compared and below is not None and below.entry.kind == "dir":
            self._opened, opaque = self._opened or f"{path}/", False
            self._left.opened = True
        if not opaque and below is not None and _untouched(entry, below.entry, self._writer.attributes):
            self._above = [each for each in self._above if path.startswith(f"{each.path}/")]
            self._above.append(entry)
            self._left.paths[path] = None
            if entry.mtime != below.entry.mtime:
                self._left.times[path] = entry.mtime
        else:
            self._tell(entry)
        if self._opened and below is not None and below.entry.kind == "dir":
            self._gone(path, place)
        if opaque:
            self._hidden = f"{path}/"
            # Where no folder was there is nothing to hide: a file that was there is replaced.
            if not compared:
                self._tell(Entry(f"{path}/{OPAQUE}" if path else OPAQUE, mtime=entry.mtime))

    def _gone(self, path: str, place: str) -> None:
        """Whiteouts of what was in a folder and is not any more."""
        assert self._lower is not None
        with os.scandir(place) as items:
            here = {item.name for item in items if not _is_whiteout(item.stat(follow_symlinks=False))}
        for node in self._lower.list(path):
            if node.path.rpartition("/")[2] not in here:
                self._tell(_whiteout(node.path, 0))

    def _tell(self, entry: Entry, place: str = "") -> None:
        """Write a member, after the folders above it that nothing has told of yet."""
        self._above = [each for each in self._above if entry.path.startswith(f"{each.path}/")]
        for folder in self._above:
            self._writer.add(folder)
            del self._left.paths[folder.path]
            self._left.times.pop(folder.path, None)
        self.count += len(self._above) + 1
        self._above = []
        if entry.size:
            with open(place, "rb", buffering=0) as content:
                self._writer.add(entry, content)
        else:
            self._writer.add(entry)


def _unchanged(
    node: Node | None,
    place: str,
    found: os.stat_result,
    folders: Sequence[Path],
    ids: Ids,
    names: frozenset[str] | None,
) -> bool:
    """Whether a file is in all the same as below: it was copied up, but not changed."""
    if node is None or not folders or not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return False
    if node.entry.kind != _KINDS[stat.S_IFMT(found.st_mode)] or node.entry.mtime != int(found.st_mtime):
        return False
    entry = node.entry
    if entry.kind == "file" and (entry.mode, entry.size) != (stat.S_IMODE(found.st_mode), found.st_size):
        return False
    if ids != "single" and (entry.uid, entry.gid) != (found.st_uid, found.st_gid):
        return False
    if entry.kind == "symlink":
        return entry.target == os.readlink(place)
    return kept(entry.xattrs, names) == kept(_attributes(place), names) and filecmp.cmp(
        place, folders[node.layer] / node.content, False
    )


def _walk(folder: Path) -> Iterator[Found]:
    # A stack of our own, as folders may be nested deeper than functions may call each other.
    open_ = [("", iter(_sorted(str(folder))))]
    while open_:
        prefix, items = open_[-1]
        item = next(items, None)
        if item is None:
            open_.pop()
            continue
        path = f"{prefix}/{item.name}" if prefix else item.name
        found = item.stat(follow_symlinks=False)
        yield path, item.path, found
        if stat.S_ISDIR(found.st_mode):
            open_.append((path, iter(_sorted(item.path))))


def _sorted(folder: str) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as items:
        return sorted(items, key=lambda each: os.fsencode(each.name))


def _entry(path: str, place: str, found: os.stat_result, links: dict[tuple[int, int], str]) -> Entry | None:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None  # a socket means nothing in an image
    mtime = int(found.st_mtime)
    if _is_whiteout(found):
        return _whiteout(path, mtime)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_nlink > 1 and kind != "dir":
        first = links.setdefault((found.st_dev, found.st_ino), path)
        if first != path:
            # Whoever unpacks it gives the file what is said here: an attribute that was not said again would be lost.
            named = Entry(path, "hardlink", mode, found.st_uid, found.st_gid, 0, mtime, first)
            return replace(named, xattrs=_attributes(place))
    return Entry(
        path,
        kind,
        mode if kind != "symlink" else 0o777,
        found.st_uid,
        found.st_gid,
        found.st_size if kind == "file" else 0,
        mtime,
        os.readlink(place) if kind == "symlink" else "",
        os.major(found.st_rdev) if kind in ("char", "block") else 0,
        os.minor(found.st_rdev) if kind in ("char", "block") else 0,
        _attributes(place),
    )


def _whiteout(path: str, mtime: int) -> Entry:
    folder, _, name = path.rpartition("/")
    hidden = WHITEOUT + name
    return Entry(f"{folder}/{hidden}" if folder else hidden, mtime=mtime)


def _untouched(entry: Entry, below: Entry, names: frozenset[str] | None) -> bool:
    """Whether the folder differs from what is below at most in its time, which a change inside it moves."""
    if below.kind != "dir":
        return False
    one, two = ((each.mode, each.uid, each.gid, kept(each.xattrs, names)) for each in (below, entry))
    return one == two


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _attributes(place: str) -> dict[str, bytes]:
    return {
        key: os.getxattr(place, key, follow_symlinks=False)
        for key in os.listxattr(place, follow_symlinks=False)
        if not key.startswith(_OVERLAY)
    }
