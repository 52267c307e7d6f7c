"""What BuildKit's client would send of a context: what the instructions of the build name, and no more."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from dockyard.build.sources.paths import glob
from dockyard.build.sources.source import WILD
from dockyard.dockerfile.ignore import IgnoreRules

# Whoever sends takes every word for a pattern, one with a backslash, too.
_SPECIAL = re.compile(r"[*?\[\\]")


def sent(path: str, patterns: Sequence[str], root: Path, rules: IgnoreRules) -> bool:
    """Whether one of `patterns` names `path`, a folder above it, or something in it.

    Args:
        path: in the context.
        patterns: of all instructions.
        root: the context's folder, resolved.
        rules: what is left out.
    """
    for pattern in patterns:
        parts = [part for part in os.path.normpath("/" + pattern).split("/") if part]
        mixed = IgnoreRules.of(["/".join(parts)]) if doubled(parts) else None
        for name in glob(root, parts, _SPECIAL):
            if mixed is not None and not mixed.ignored(name):
                continue
            folder, _, last = name.rpartition("/")
            link = os.path.join(os.path.realpath(root / folder), last)
            # A link is sent as such, and what it leads to; the latter not below a folder with a wildcard.
            for real in {link} if wild_above(parts) else {link, os.path.realpath(link)}:
                if _comes_with(path, os.path.relpath(real, root), root, rules):
                    return True
    return False


def doubled(parts: Sequence[str]) -> bool:
    """Whether `**` stands beside other letters in a part: as one star for who copies, as any folders for who sends."""
    return any("**" in part and part.strip("*") for part in parts)


def wild_above(parts: Sequence[str]) -> bool:
    """Whether a folder in a pattern, not its last part, has a wildcard."""
    return any(map(WILD.search, parts[:-1]))


def _comes_with(path: str, named: str, root: Path, rules: IgnoreRules) -> bool:
    """Whether `path` is sent with what is `named`; a folder is with what is in it, if that is not ignored."""
    if not os.path.lexists(root / named):
        return False
    if _within(path, named):
        return True
    return _within(named, path) and (not rules.ignored(named) or rules.may_reinclude_below(named))


def _within(path: str, folder: str) -> bool:
    return folder in ("", ".", path) or path.startswith(f"{folder}/")
