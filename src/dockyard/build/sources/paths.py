"""Paths in a folder: what a pattern matches, where links lead, and what is near one that is not there."""

import errno
import os
import re
import stat
from pathlib import Path

from dockyard.build.fault import ContextEscapeError, ContextUnreadableError, SourceMissingError, place
from dockyard.build.sources.source import WILD
from dockyard.dockerfile.fault import nearest
from dockyard.dockerfile.ignore import IgnoreRules, expression
from dockyard.dockerfile.node import Node

_MOST_LINKS = 255


def glob(root: Path, parts: list[str], special: re.Pattern[str] = WILD) -> list[str]:
    """What the parts of a pattern match below `root`, sorted folder by folder; a path without wildcards as it is,
    whether or not something is there.

    Args:
        root: the folder.
        parts: of the pattern.
        special: finds what makes a part a pattern.
    """
    names = [""]
    fixed = True
    for part in parts:
        if fixed and not special.search(part):
            names = [f"{name}/{part}" if name else part for name in names]
            continue
        matcher = re.compile(expression(part), re.DOTALL)
        below = []
        for name in names:
            folder = root / name
            # Links before the first wildcard are followed, later ones are not.
            if folder.is_dir() and (fixed or not folder.is_symlink()):
                lead = f"{name}/" if name else ""
                below += [lead + each for each in sorted(os.listdir(folder)) if matcher.match(each)]
        names = below
        fixed = False
    return names


def followed(root: Path, rules: IgnoreRules, name: str, node: Node) -> tuple[str, os.stat_result] | None:
    """The path of `name` with every symbolic link on the way followed, and what is there; None for nothing, or where a
    link on the way is left out. A link that leads out ends at `root`.

    Raises:
        ContextEscapeError: a link leads out to what is not there, or the links lead in a circle.
        ContextUnreadableError: something on the way cannot be read.
    """
    parts = name.split("/") if name else []
    at: list[str] = []
    links = 0
    led = ""
    while parts:
        part = parts.pop(0)
        here = os.path.join(root, *at, part)
        if part == "..":
            led = led or ("" if at else name)
            del at[-1:]
            continue
        try:
            status = os.lstat(here)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise ContextUnreadableError(
                    f"cannot read {name}: {error.strerror}", context={**place(node), "file": here}
                ) from error
            if led:
                raise ContextEscapeError(
                    f"{name!r} leads out of the context through a link", context=place(node)
                ) from None
            return None
        if not stat.S_ISLNK(status.st_mode):
            at.append(part)
            continue
        if rules.patterns and rules.ignored("/".join([*at, part])):
            return None
        links += 1
        if links > _MOST_LINKS:
            raise ContextEscapeError(f"the links of {name!r} lead in a circle", context=place(node))
        target = os.readlink(here)
        if target.startswith("/"):
            led, at = name, []
        parts = [each for each in target.split("/") if each not in ("", ".")] + parts
    return "/".join(at), os.lstat(os.path.join(root, *at))


def missing(root: Path, pattern: str, path: str, node: Node) -> SourceMissingError:
    """The error for a pattern that names nothing below `root`: `path` is left out, or not there, but what is near."""
    if os.path.exists(root / path):  # a name that is too long is not there either
        hint = f"It is there, but the ignore file leaves it out: remove the pattern or add !{path} to it."
        return SourceMissingError(f"{pattern!r} is left out by the ignore file", context=place(node), hint=hint)
    if "://" in pattern:
        hint = "Only ADD takes addresses, and of these http://, https:// and Git's."
        return SourceMissingError(f"{pattern!r} cannot be fetched", context=place(node), hint=hint)
    folder, _, name = path.rpartition("/")
    known = os.listdir(root / folder) if os.path.isdir(root / folder) else []
    near = nearest(name, known)
    meant = f"Did you mean {folder + '/' if folder else ''}{near}?" if near else None
    return SourceMissingError(f"{pattern!r} is not in the context {root}", context=place(node), hint=meant)
