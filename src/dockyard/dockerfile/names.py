"""The names that a folder's Dockerfile may have."""

import os
from pathlib import Path

# Docker's, Podman's, and what Docker takes where there is no other.
NAMES = ("Dockerfile", "Containerfile", "dockerfile")
_MOST = 1000


def within(folder: Path) -> Path:
    """The Dockerfile of `folder`: the first of `NAMES` that is a file there, and the first of all where none is."""
    found = (folder / name for name in NAMES)
    return next((path for path in found if path.is_file()), folder / NAMES[0])


def near(path: Path) -> str:
    """The name of the file that was likely meant by `path`, which is not there: one beside it. Empty where none is."""
    import difflib

    try:
        with os.scandir(path.parent) as entries:
            there = [entry.name for entry, _ in zip(entries, range(_MOST), strict=False) if entry.is_file()]
    except OSError:
        return ""
    lower = {name.lower(): name for name in there}
    close = difflib.get_close_matches(path.name.lower(), lower, 1)
    return lower[close[0]] if close else ""
