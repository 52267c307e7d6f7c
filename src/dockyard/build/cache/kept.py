"""Usage and pruning of the build cache: how much is kept, since when unused; the least recently used goes first."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from dockyard._internal.lock import locked, try_locked
from dockyard.build.cache.cache import Record
from dockyard.content.layout import Layout
from dockyard.errors import TransientError
from dockyard.images.remove import needed
from dockyard.oci.digest import Digest

Kind = Literal["layer", "unpacked", "mount", "download", "git"]


class CacheBusyError(TransientError):
    """A build is running, which may be using what would be thrown away."""

    reference = "cache-busy"
    hint = "Run the command again when the build has ended."


@dataclass(frozen=True)
class Kept:
    """One thing that is kept: its kind, what it is, its bytes on disk, and when it was used last."""

    kind: Kind
    name: str
    size: int
    used: float
    remove: Callable[[], None]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"kind": self.kind, "name": self.name, "size": self.size, "used": round(self.used)}


def kept(data: Path, store: Layout) -> list[Kept]:
    """Everything that is kept below `data`, the longest unused first. Layers of tagged images do not count."""
    found = [*_layers(data, store), *_unpacked(data), *_mounts(data), *_downloads(data), *_git(data)]
    return sorted(found, key=lambda each: each.used)


def prune(
    data: Path,
    store: Layout,
    keep: int,
    *,
    older: float = 0.0,
    only: Callable[[Kept], bool] = lambda each: True,
    dry: bool = False,
) -> list[Kept]:
    """Throw the longest unused away until at most `keep` bytes are left, and return what went.

    Args:
        data: the data folder.
        store: its store.
        keep: bytes that may stay.
        older: only what has not been used for so many seconds goes.
        only: whether something may go at all; what may not counts among what is left.
        dry: only tell what would go.

    Raises:
        CacheBusyError: a build is running.
    """
    with store.alone() as alone, locked(store.path / ".collect"):
        if not alone and not dry:
            raise CacheBusyError("a build is running")
        every = kept(data, store)
        total = sum(each.size for each in every)
        gone = []
        for each in every:
            if total <= keep:
                break
            if time.time() - each.used < older or not only(each):
                continue
            if not dry:
                each.remove()
            total -= each.size
            gone.append(each)
    return gone


def _layers(data: Path, store: Layout) -> Iterator[Kept]:
    """Blobs of steps that no tagged image has."""
    held = needed(store)
    used: dict[Digest, float] = {}
    for path in (data / "cache" / "steps").glob("*/*"):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
            digest = Digest.parse(record.digest) if record.digest else None
        except (OSError, msgspec.MsgspecError):  # half-written or of another version: no step finds it either
            continue
        if digest is not None and digest not in held:
            used[digest] = max(used.get(digest, 0.0), path.stat().st_mtime)
    for digest, when in used.items():
        place = store.blob_path(digest)
        if place.is_file():
            yield Kept("layer", str(digest), place.stat().st_size, when, lambda digest=digest: store.delete(digest))  # type: ignore[misc]


def _unpacked(data: Path) -> Iterator[Kept]:
    """Layers unpacked for RUN, but for those that deployed applications run on."""
    states = "".join(path.read_text(errors="replace") for path in (data / "apps").glob("*/*.json"))
    folders = [*data.glob("layers*/[0-9a-f]*"), *data.glob("roots/[0-9a-f]*")]
    for folder in folders:
        if folder.is_dir() and folder.name not in states:
            yield Kept("unpacked", folder.name, _size(folder), folder.stat().st_mtime, _remover(folder))


def _mounts(data: Path) -> Iterator[Kept]:
    for folder in (data / "cache" / "mounts").glob("*"):
        name = (folder / "id").read_text(errors="replace") if (folder / "id").is_file() else folder.name
        used = folder.stat().st_mtime
        with try_locked(folder / "0.lock") as free:
            os.utime(folder, (used, used))  # making the lock's file is no use of the cache
            if free:
                yield Kept("mount", name, _size(folder), used, _remover(folder))


def _downloads(data: Path) -> Iterator[Kept]:
    for path in (data / "cache" / "http").glob("[0-9a-f]*"):
        if not path.suffix:
            yield Kept("download", path.name, path.stat().st_size, path.stat().st_mtime, path.unlink)


def _git(data: Path) -> Iterator[Kept]:
    for folder in (data / "cache" / "git").glob("[0-9a-f]*"):
        if folder.is_dir():
            yield Kept("git", folder.name, _size(folder), folder.stat().st_mtime, _remover(folder))


def _remover(folder: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    """Bytes on disk of everything below `folder`; a file of many names is there once."""
    total = 0
    seen: set[int] = set()
    stack = [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for each in entries:
                    about = each.stat(follow_symlinks=False)
                    linked = about.st_nlink > 1 and not each.is_dir(follow_symlinks=False)
                    if not linked or about.st_ino not in seen:
                        total += about.st_blocks * 512
                    if linked:
                        seen.add(about.st_ino)
                    if each.is_dir(follow_symlinks=False):
                        stack.append(each.path)
        except OSError:  # gone while it was looked at
            continue
    return total
