"""What a command changed in a folder, found by comparing what `stat` says before and after.

The kernel moves a file's change time whenever its content, owner, mode or attributes change, and nobody can set that
time back, so no content is read but of what changed.
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from dockyard.layers.apply import Ids
from dockyard.layers.diff import Found, Left, write
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter

# Device, number, mode, owner, group, size, modified, changed.
Facts = tuple[int, ...]
Snapshot = dict[str, Facts]


def snapshot(root: Path) -> Snapshot:
    """What is below `root`, by path. File systems mounted in it are left out."""
    return {path: _facts(found) for path, _, found in _walk(root, "", os.lstat(root).st_dev)}


def changes(
    before: Snapshot,
    root: Path,
    writer: LayerWriter,
    *,
    lower: FileTree,
    ignored: Collection[str] = (),
    ids: Ids,
    left: Left | None = None,
) -> int:
    """Write what has changed below `root` since `before`, and return how many members that were.

    Args:
        before: from `snapshot`, of the same folder.
        root: the folder.
        writer: gets the members.
        lower: what the folder held before.
        ignored: paths that do not count, with what is below them.
        ids: as for `apply`.
        left: as for `diff`.
    """
    return write(_changed(before, root, ignored), writer, lower=lower, ids=ids, left=left)


def _changed(before: Snapshot, root: Path, ignored: Collection[str]) -> Iterator[Found]:
    now: dict[str, tuple[str, os.stat_result]] = {}
    for path, place, found in _walk(root, "", os.lstat(root).st_dev):
        now[path] = (place, found)
    skipped = {each.strip("/") for each in ignored}

    def counts(path: str) -> bool:
        while path:
            if path in skipped:
                return False
            path = path.rpartition("/")[0]
        return True

    paths: set[str] = set()
    for path, (_, found) in now.items():
        known = before.get(path)
        if known is not None and known == _facts(found):
            continue
        if counts(path):
            paths.add(path)
    for path in before:
        # What was in a deleted folder is gone with it.
        if path not in now and path.rpartition("/")[0] in ("", *_folder(path, now)) and counts(path):
            paths.add(path)
    for path in list(paths):
        while path := path.rpartition("/")[0]:
            paths.add(path)
    for path in sorted(paths, key=lambda each: [os.fsencode(part) for part in each.split("/")]):
        place, found_now = now.get(path, ("", None))
        yield path, place, found_now


def _folder(path: str, now: dict[str, tuple[str, os.stat_result]]) -> tuple[str, ...]:
    """The folder of `path` where it is still one."""
    parent = path.rpartition("/")[0]
    held = now.get(parent)
    return (parent,) if held is not None and stat.S_ISDIR(held[1].st_mode) else ()


def _facts(found: os.stat_result) -> Facts:
    return (
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def _walk(folder: Path | str, prefix: str, device: int) -> Iterator[tuple[str, str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for item in entries:
            path = f"{prefix}/{item.name}" if prefix else item.name
            found = item.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and found.st_dev != device:
                continue
            yield path, item.path, found
            if stat.S_ISDIR(found.st_mode):
                yield from _walk(item.path, path, device)
