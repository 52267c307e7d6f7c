"""Folders and files beside a stage's layers that look as if they were part of them."""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from dockyard.build.state import State


def folders_above(path: str) -> list[str]:
    """The folders in which `path` is, the highest first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def dress(state: State, path: str, folder: Path, content: bytes | None = None) -> None:
    """Give what is at `path` in `folder` the owner, mode, time and attributes that it has in the stage."""
    node = state.tree.get(path, follow=False)
    assert node is not None
    here, entry = folder / path, node.entry
    if content is not None:
        here.write_bytes(content)
    with contextlib.suppress(OSError):  # an ID that this namespace does not have
        os.chown(here, entry.uid, entry.gid)
    here.chmod(entry.mode)
    for name, value in entry.xattrs.items():
        with contextlib.suppress(OSError):  # one that this file system does not take
            os.setxattr(here, name, value)
    os.utime(here, (entry.mtime, entry.mtime))


def made(state: State, path: str, folder: Path, uid: int, gid: int) -> None:
    """Make the folder `path`, which the stage has not, in `folder`, for a user; what is missing above it, too."""
    every = [*folders_above(path), path]
    known = [each for each in every if state.tree.get(each, follow=False) is not None]
    (folder / path).mkdir(parents=True, exist_ok=True)
    for each in every[len(known) :]:
        (folder / each).chmod(0o755)  # whatever this process's mask is
        with contextlib.suppress(OSError):  # an ID that this namespace does not have
            os.chown(folder / each, uid, gid)
    for each in reversed(known):
        dress(state, each, folder)
    if known:  # something new came into it
        os.utime(folder / known[-1], (time.time(),) * 2)


def timed(state: State, times: Mapping[str, int], folder: Path) -> Path:
    """Make folders of the stage in `folder` that differ from what is there in their times; returns `folder`."""
    for path in times:
        (folder / path).mkdir(parents=True, exist_ok=True)
    every = {path for each in times for path in (each, *folders_above(each))}
    for path in sorted(every, reverse=True):  # what is put into a folder moves its time
        dress(state, path, folder)
        if path in times:
            os.utime(folder / path, (times[path],) * 2)
    folder.chmod(0o755)  # whatever this process's mask is
    return folder
