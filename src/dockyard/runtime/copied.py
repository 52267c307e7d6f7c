"""Root file systems without overlayfs: the layers unpacked over each other into one folder, which a step changes.

What a step leaves is kept for the one that follows it, so that a chain of steps unpacks its base once.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from dockyard.layers.apply import apply
from dockyard.layers.layer import Layer
from dockyard.progress import Progress
from dockyard.runtime.way import Way

_KEPT_SECONDS = 3600.0


def taken(layers: Sequence[Layer], data: Path, place: Path, way: Way, progress: Progress) -> None:
    """Make `place` a root file system with `layers`, from what the nearest step before left, where that is there.

    Raises:
        IdNotMappedError, ArchiveInvalidError, DigestMismatchError, DiskFullError: from unpacking.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(data)
    start = 0
    for number in range(len(layers), 0, -1):
        with contextlib.suppress(OSError):  # none of these layers, or another build has just taken it
            _kept(layers[:number], data, way).rename(place)
            start = number
            break
    else:
        place.mkdir(mode=0o755)
    for layer in layers[start:]:
        task = progress.start(f"unpack {layer.diff_id.short}", total=layer.descriptor.size)
        apply(layer, place, whiteouts="apply", ids=way.ids)
        task.done()


def given(layers: Sequence[Layer], data: Path, place: Path, way: Way) -> None:
    """Leave the root file system at `place`, which now has `layers`, for the step that follows."""
    kept = _kept(layers, data, way)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another build has kept the same: this one is thrown away
        place.rename(kept)
        os.utime(kept)


def _kept(layers: Sequence[Layer], data: Path, way: Way) -> Path:
    chain = hashlib.sha256("\n".join(str(each.diff_id) for each in layers).encode()).hexdigest()[:24]
    return data / "roots" / f"{chain}-{way.ids}"


def _sweep(data: Path) -> None:
    """Remove roots that no step has taken for an hour: whole copies are large."""
    for path in (data / "roots").glob("*"):
        with contextlib.suppress(OSError):  # another process clears it away too
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
