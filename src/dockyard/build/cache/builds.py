"""The builds whose logs are kept: the last few, and never more bytes than they may have."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from dockyard.errors import UsageError

KEPT = 20
_MOST_BYTES = 1 << 30


class BuildUnknownError(UsageError):
    """No build of that number or ID is kept: the last 20 are, as long as their logs have less than a gigabyte."""

    reference = "build-unknown"
    hint = "`dockyard builds` lists the builds that are kept."


def new(data: Path) -> Path:
    """The folder for a new build's journal; older builds are thrown away where there are too many.

    A build that still runs stays.
    """
    folder = data / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number, each in enumerate(_folders(folder), 1):
        # Another build may have thrown it away meanwhile.
        with contextlib.suppress(FileNotFoundError), os.scandir(each) as entries:
            total += sum(entry.stat().st_size for entry in entries if entry.is_file())
        if (number >= KEPT or total > _MOST_BYTES) and not _running(each):
            import shutil

            shutil.rmtree(each, ignore_errors=True)
    return folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(3).hex()}"


def kept(data: Path) -> list[dict[str, Any]]:
    """What is known of every build that is kept, the newest first."""
    return [found for each in _folders(data / "builds") if (found := _read(each))]


def find(data: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of the build of that ID, or of its beginning; of the last build for `last`.

    Raises:
        BuildUnknownError: there is none.
    """
    for each in _folders(data / "builds"):
        if name == "last" or each.name.startswith(name) or (len(name) >= 4 and each.name.endswith(name)):
            found = _read(each)
            if found:
                return each, found
    raise BuildUnknownError(f"no build {name!r} is kept")


def _folders(folder: Path) -> list[Path]:
    """The newest first: names begin with the time."""
    found: list[tuple[int, Path]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for each in entries:
            with contextlib.suppress(FileNotFoundError):  # another build has thrown it away meanwhile
                if each.is_dir(follow_symlinks=False):
                    found.append((each.stat().st_mtime_ns, Path(each.path)))
    return [path for _, path in sorted(found, reverse=True)]


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "build.json").read_bytes())
    except (OSError, ValueError):  # not written yet, or cut off: what is known by its files is shown
        return {}
    if not isinstance(found, dict):
        return {}
    if found.get("result") == "running" and not _running(folder, found):
        found["result"] = "killed"
    return found


def _running(folder: Path, found: dict[str, Any] | None = None) -> bool:
    if found is None:
        try:
            found = json.loads((folder / "build.json").read_bytes())
        except (OSError, ValueError):  # as above
            return False
    return found.get("result") == "running" and Path("/proc", str(found.get("pid"))).exists()
