"""The upper folder of an overlay mount as a layer: what a RUN step changed."""

import filecmp
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dockyard.layers.apply import OVERLAY_OPAQUE
from dockyard.layers.tar import Entry, Kind
from dockyard.layers.tree import OPAQUE, WHITEOUT, FileTree
from dockyard.layers.write import LayerWriter

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}
_OVERLAY = ("trusted.overlay.", "user.overlay.")


def diff(upper: Path, writer: LayerWriter, *, lower: FileTree | None, folders: Sequence[Path] = ()) -> int:
    """Write what `upper` holds into `writer`, sorted by path, and return how many members that were.

    Overlay's devices 0:0 become whiteouts and its opaque attribute an opaque whiteout; its other attributes and
    sockets are left out. With `lower`, what was only touched is left out: files that are the same as below, and
    folders with the same header but for the time; such a folder stands in the layer, as it is below, where something
    in it changed.

    Args:
        upper: the upper folder.
        writer: gets the members.
        lower: what lies below.
        folders: its layers unpacked, lowest first; without them files are not compared.
    """
    links: dict[tuple[int, int], str] = {}
    above: list[Entry] = []
    count = 0
    for path, place, found in _walk(upper):
        if _unchanged(path, place, found, lower, folders):
            continue
        entry = _entry(path, place, found, links)
        if entry is None:
            continue
        opaque = entry.kind == "dir" and OVERLAY_OPAQUE in os.listxattr(place, follow_symlinks=False)
        above = [each for each in above if path.startswith(f"{each.path}/")]
        if entry.kind == "dir" and not opaque and lower is not None:
            below = _untouched(entry, lower)
            if below is not None:
                above.append(below)
                continue
        for folder in above:
            writer.add(folder)
        count += len(above) + 1
        above = []
        if entry.size:
            with open(place, "rb", buffering=0) as content:
                writer.add(entry, content)
        else:
            writer.add(entry)
        if opaque:
            writer.add(Entry(f"{path}/{OPAQUE}" if path else OPAQUE, mtime=entry.mtime))
            count += 1
    return count


def _unchanged(path: str, place: str, found: os.stat_result, lower: FileTree | None, folders: Sequence[Path]) -> bool:
    """Whether a file is in all the same as below: it was copied up, but not changed."""
    if lower is None or not folders or not stat.S_ISREG(found.st_mode):
        return False
    node = lower.get(path, follow=False)
    if node is None or node.entry.kind != "file":
        return False
    entry = node.entry
    if (entry.mode, entry.uid, entry.gid, entry.size, entry.mtime) != (
        stat.S_IMODE(found.st_mode),
        found.st_uid,
        found.st_gid,
        found.st_size,
        int(found.st_mtime),
    ):
        return False
    return dict(entry.xattrs) == _attributes(place) and filecmp.cmp(place, folders[node.layer] / node.content, False)


def _walk(folder: Path) -> Iterator[tuple[str, str, os.stat_result]]:
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
        folder, _, name = path.rpartition("/")
        hidden = WHITEOUT + name
        return Entry(f"{folder}/{hidden}" if folder else hidden, mtime=mtime)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_nlink > 1 and kind != "dir":
        first = links.setdefault((found.st_dev, found.st_ino), path)
        if first != path:
            return Entry(path, "hardlink", mode, found.st_uid, found.st_gid, 0, mtime, first)
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


def _untouched(entry: Entry, lower: FileTree) -> Entry | None:
    """The folder as it is below, where that differs at most in its time, which a change inside it moves."""
    node = lower.get(entry.path, follow=False)
    if node is None or node.entry.kind != "dir":
        return None
    below = node.entry
    same = (below.mode, below.uid, below.gid, dict(below.xattrs)) == (
        entry.mode,
        entry.uid,
        entry.gid,
        dict(entry.xattrs),
    )
    return below if same else None


def _attributes(place: str) -> dict[str, bytes]:
    return {
        key: os.getxattr(place, key, follow_symlinks=False)
        for key in os.listxattr(place, follow_symlinks=False)
        if not key.startswith(_OVERLAY)
    }
