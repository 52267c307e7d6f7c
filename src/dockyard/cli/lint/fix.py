"""Fixes of a Dockerfile into the file itself, or as a difference."""

import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dockyard._internal import atomic
from dockyard.dockerfile.lint import fix as fixes
from dockyard.dockerfile.lint.finding import LintFinding
from dockyard.dockerfile.node import Dockerfile


def fix(
    path: Path | None, name: str, raw: bytes, judge: Callable[[Dockerfile], list[LintFinding]]
) -> tuple[bytes, Sequence[LintFinding], str]:
    """The file with its fixes, the findings that they answer, and the difference as text.

    With `path` the file is replaced whole or not at all; a symbolic link stays one, and the mode stays. Without it
    nothing is written.

    Raises:
        DockerfileInvalidError: the file cannot be understood.
        DiskFullError: no space is left; the file is as it was.
    """
    found = fixes.fix(raw, judge)
    difference = "".join(_difference(name, raw, found.raw))
    if path is not None and found.raw != raw:
        target = Path(os.path.realpath(path))
        atomic.write(target, found.raw, mode=target.stat().st_mode & 0o7777)
    return found.raw, found.changes, difference


def _difference(name: str, before: bytes, after: bytes) -> list[str]:
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    lines = list(difflib.unified_diff(old, new, name, name))
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
