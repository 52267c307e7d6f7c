"""Crash consistency of unpacked layers: what may not be on the disk yet is thrown away after the machine went down.

Nothing waits for the disk when a layer has been unpacked, as it can be unpacked again. But a machine that loses its
power may then keep a folder whose files are empty, and nothing would tell. So a mark with the number of this boot of
the machine stands beside each until the kernel has had time enough; file systems keep the order of names, so the mark
is there if the folder is.
"""

import os
import shutil
import time
from pathlib import Path

from dockyard._internal.lock import locked

_MARKS = ".unsettled"
_SETTLED = 300.0  # seconds in which the kernel writes what it holds back (30 by default), many times over


def note(place: Path) -> None:
    """The folder `place` is about to appear, and nobody has waited for the disk."""
    marks = place.parent / _MARKS
    marks.mkdir(exist_ok=True)
    (marks / f"{place.name}.{_boot()}").touch()


def sweep(folder: Path) -> None:
    """Throw away what the machine went down on, of the folders in `folder`; called before any of them is used."""
    marks, boot = folder / _MARKS, _boot()
    settled = time.time() - _SETTLED
    if not _swept(marks, boot, settled):
        return
    with locked(folder / f"{_MARKS}.lock"):
        for name, written in _swept(marks, boot, settled):  # anew: somebody else may have been at it
            shutil.rmtree(folder / name, ignore_errors=True)
            (marks / f"{name}.{written}").unlink(missing_ok=True)


def _swept(marks: Path, boot: str, settled: float) -> list[tuple[str, str]]:
    """The marks of another boot, each as the folder's name and the boot; those of this one go when they are old."""
    found = []
    try:
        with os.scandir(marks) as entries:
            for each in entries:
                name, _, written = each.name.partition(".")
                if written != boot:
                    found.append((name, written))
                elif each.stat().st_mtime < settled:
                    os.unlink(each.path)
    except FileNotFoundError:
        return found  # there are none, or another process removed one: the next build sees the others
    return found


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
