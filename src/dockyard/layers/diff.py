"""The upper folder of an overlay mount as a layer: what a RUN step changed."""

import filecmp
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from dockyard.layers.apply import Ids, opaque_attribute
from dockyard.layers.tar import Entry, Kind
from dockyard.layers.tree import OPAQUE, WHITEOUT, FileTree
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


def diff(
    upper: Path,
    writer: LayerWriter,
    *,
    lower: FileTree | None,
    folders: Sequence[Path] = (),
    ids: Ids = "all",
    left: dict[str, None] | None = None,
) -> int:
    """Write what `upper` holds into `writer`, sorted by path, and return how many members that were.

    Overlay's devices 0:0 become whiteouts and its opaque attribute an opaque whiteout; its other attributes and
    sockets are left out. With `lower`, what was only touched is left out: files that are the same as below, and
    folders with the same header but for the time; such a folder stands in the layer, with its new time, where
    something in it changed.

    Args:
        upper: the upper folder.
        writer: gets the members.
        lower: what lies below.
        folders: its layers unpacked, lowest first; without them files are not compared.
        ids: as for `apply`; with a `single` ID, what lies below keeps its owner.
        left: gets the paths of what was left out as it is the same below.
    """
    return write(_walk(upper), writer, lower=lower, folders=folders, ids=ids, left=left)


def write(
    items: Iterable[Found],
    writer: LayerWriter,
    *,
    lower: FileTree | None,
    folders: Sequence[Path] = (),
    ids: Ids = "all",
    left: dict[str, None] | None = None,
) -> int:
    """What `diff` does, for `items` sorted by path, each after the folder that holds it."""
    mark = opaque_attribute(ids)
    links: dict[tuple[int, int], str] = {}
    above: list[Entry] = []
    hidden = ""  # the opaque folder that the walk is in: nothing below it shows
    count = 0
    left = {} if left is None else left
    for path, place, found in items:
        if hidden and not path.startswith(hidden):
            hidden = ""
        seen = None if hidden else lower
        if found is not None and _unchanged(path, place, found, seen, folders, ids, writer.attributes):
            left[path] = None
            continue
        entry = _whiteout(path, int(time.time())) if found is None else _entry(path, place, found, links)
        if entry is None:
            continue
        if ids == "single" and seen is not None and entry.path == path:
            entry = _owned_as_below(entry, seen)
        opaque = entry.kind == "dir" and mark in os.listxattr(place, follow_symlinks=False)
        above = [each for each in above if path.startswith(f"{each.path}/")]
        if entry.kind == "dir" and not opaque and seen is not None and _untouched(entry, seen, writer.attributes):
            above.append(entry)
            left[path] = None
            continue
        for folder in above:
            writer.add(folder)
            del left[folder.path]
        count += len(above) + 1
        above = []
        if entry.size:
            with open(place, "rb", buffering=0) as content:
                writer.add(entry, content)
        else:
            writer.add(entry)
        if opaque and not hidden:
            hidden = f"{path}/"
        if opaque:
            writer.add(Entry(f"{path}/{OPAQUE}" if path else OPAQUE, mtime=entry.mtime))
            count += 1
    return count


def _unchanged(
    path: str,
    place: str,
    found: os.stat_result,
    lower: FileTree | None,
    folders: Sequence[Path],
    ids: Ids,
    names: frozenset[str] | None,
) -> bool:
    """Whether a file is in all the same as below: it was copied up, but not changed."""
    if lower is None or not folders or not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return False
    node = lower.get(path, follow=False)
    if node is None or node.entry.kind != _KINDS[stat.S_IFMT(found.st_mode)] or node.entry.mtime != int(found.st_mtime):
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


def _owned_as_below(entry: Entry, lower: FileTree) -> Entry:
    """With the owner that it has below: with a single ID nobody can have changed that."""
    node = lower.get(entry.path, follow=False)
    if node is None or node.entry.kind != entry.kind:
        return entry
    return replace(entry, uid=node.entry.uid, gid=node.entry.gid)


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
    if kind == "char" and found.st_rdev == 0:
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


def _untouched(entry: Entry, lower: FileTree, names: frozenset[str] | None) -> bool:
    """Whether the folder differs from what is below at most in its time, which a change inside it moves."""
    node = lower.get(entry.path, follow=False)
    if node is None or node.entry.kind != "dir":
        return False
    below = node.entry
    one, two = ((each.mode, each.uid, each.gid, kept(each.xattrs, names)) for each in (below, entry))
    return one == two


def _attributes(place: str) -> dict[str, bytes]:
    return {
        key: os.getxattr(place, key, follow_symlinks=False)
        for key in os.listxattr(place, follow_symlinks=False)
        if not key.startswith(_OVERLAY)
    }
