"""Root file systems from layers: each layer unpacked once, stacked by overlayfs.

The overlay is mounted in a mount namespace of its own, made for the container and gone with it: nothing is ever
mounted where the rest of the machine sees it, so nothing can leak, not even on kill -9.
"""

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dockyard._internal.lock import locked
from dockyard.errors import Error
from dockyard.layers.apply import apply
from dockyard.layers.layer import Layer
from dockyard.progress import SILENT, Progress
from dockyard.runtime import namespace, unsettled
from dockyard.runtime.way import ROOT, Way

_OPTIONS_BYTES = 4095
_VOLATILE = (5, 10)  # the first kernel with that option of overlayfs
_STALE_SECONDS = 24 * 3600


class TooManyLayersError(Error):
    """An image has more layers than one overlay mount can name."""

    reference = "too-many-layers"
    hint = "Merge steps of the Dockerfile, or move the store to a folder with a shorter path (DOCKYARD_HOME)."


class RootNeededError(Error):
    """Containers that stay, such as those of `deploy`, need root; builds and `base --full` do not."""

    reference = "root-needed"
    hint = (
        "Run it as root, whose store is another one: dockyard save IMAGE | sudo dockyard load; sudo dockyard deploy …"
    )


class Overlay(msgspec.Struct, frozen=True):
    """The folders of an overlay mount, lowest first. Without `upper` and `work` it is read-only.

    `user` is for a mount in a user namespace: overlayfs keeps its own attributes as `user.overlay.…` there. What is
    `passing` is copied elsewhere or thrown away when the container has ended: the kernel brings nothing of it to the
    disk then, which it else does with all that any program has written to the file system.
    """

    lowers: Sequence[Path]
    upper: Path | None = None
    work: Path | None = None
    user: bool = False
    passing: bool = False

    def options(self) -> str:
        """The options for `mount -t overlay`.

        Raises:
            TooManyLayersError: they are longer than the kernel takes.
        """
        # The kernel refuses a folder that is named twice, as two steps that changed the same have one; what the lower
        # of two equal layers shows, the upper one shows, too.
        lowers = list(dict.fromkeys(reversed(self.lowers)))
        # overlayfs wants at least one folder below, and two where nothing lies above.
        options = "lowerdir=" + ":".join(_escaped(path) for path in lowers)
        if self.upper is not None and self.work is not None:
            options += f",upperdir={_escaped(self.upper)},workdir={_escaped(self.work)}"
        if self.user:
            options += ",userxattr"
        if self.passing and self.upper is not None and _release() >= _VOLATILE:
            options += ",volatile"
        if len(os.fsencode(options)) > _OPTIONS_BYTES:
            raise TooManyLayersError(f"{len(lowers)} layers do not fit into one overlay mount")
        return options


def _release() -> tuple[int, ...]:
    """The kernel's version, its first two numbers."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def need_root() -> None:
    """Say clearly that root is needed.

    Raises:
        RootNeededError: this process is not root, or only in a user namespace.
    """
    if os.geteuid() != 0 or namespace.ids() != "all":
        raise RootNeededError("running containers needs root")


def lower_dirs(layers: Sequence[Layer], data: Path, progress: Progress = SILENT, way: Way = ROOT) -> list[Path]:
    """A folder for each of `layers`, unpacked for overlayfs; lowest first.

    Folders are named by diff ID and shared by everything that runs. A layer is unpacked once, beside its place, and
    renamed there when it is complete; other processes wait for the one that unpacks.

    Raises:
        RootNeededError: this process is not root.
        ArchiveInvalidError, DigestMismatchError, DiskFullError: from unpacking; nothing half-done is left in place.
    """
    if way == ROOT:
        need_root()
    unsettled.sweep(data / way.layers)
    return [_lower(layer, data / way.layers, progress, way) for layer in layers]


def _lower(layer: Layer, folder: Path, progress: Progress, way: Way) -> Path:
    # 24 digits keep mount options short and still tell any two layers apart.
    place = folder / layer.diff_id.hex[:24]
    if place.is_dir():
        os.utime(place)  # for throwing the longest unused away
        return place
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{place.name}.lock"):
        if place.is_dir():
            return place
        _sweep(folder)
        task = progress.start(f"unpack {layer.diff_id.short}", total=layer.descriptor.size)
        beside = folder / f".{place.name}.{os.urandom(4).hex()}.tmp"
        beside.mkdir()
        beside.chmod(0o755)  # whatever this process's mask is
        try:
            apply(layer, beside, whiteouts="overlay", ids=way.ids)
            unsettled.note(place)
            beside.rename(place)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        task.done()
    return place


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-unpacked more than a day ago."""
    for path in folder.glob(".*.tmp"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
