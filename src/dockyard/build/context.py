"""The build context: the folder whose files COPY and ADD may take, less what the ignore file leaves out."""

import difflib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockyard.build.fault import ContextEscapeError, ContextUnreadableError, SourceMissingError, place
from dockyard.dockerfile.ignore import IgnoreRules, expression
from dockyard.dockerfile.node import Node

_WILD = re.compile(r"[*?\[\\]")
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder of the context: its path in it, its path on this machine, and its `lstat`."""

    path: str
    place: str
    status: os.stat_result


class Context:
    """The folder `root` with its ignore rules.

    Raises:
        ContextUnreadableError: `root` is no folder.
    """

    def __init__(self, root: Path, rules: IgnoreRules) -> None:
        if not root.is_dir():
            raise ContextUnreadableError(f"the context {root} is not a folder", context={"context": root})
        self.root = root.resolve()
        self._rules = rules

    def sources(self, pattern: str, node: Node) -> list[Found]:
        """What `pattern` of a COPY or ADD names, sorted; symbolic links to it are followed inside the context.

        Raises:
            SourceMissingError: nothing; with the nearest name there is.
            ContextEscapeError: it leads out of the context.
        """
        parts = [part for part in os.path.normpath("/" + pattern).split("/") if part]
        outside = os.path.normpath(pattern.lstrip("/")).startswith("..")
        names = self._glob(parts) if any(map(_WILD.search, parts)) else ["/".join(parts)]
        found = [self._resolved(name, node) for name in names]
        kept = [each for each in found if each is not None and self._takes_part(each)]
        if not kept and outside:
            raise ContextEscapeError(f"{pattern!r} leads out of the context", context=place(node))
        if not kept:
            raise self._missing(pattern, "/".join(parts), node)
        return kept

    def walk(self, folder: Found) -> Iterator[Found]:
        """Everything below `folder` that takes part, sorted by name, folders before what is in them."""
        for item in sorted(os.scandir(folder.place), key=lambda each: os.fsencode(each.name)):
            path = f"{folder.path}/{item.name}" if folder.path else item.name
            ignored = bool(self._rules.patterns) and self._rules.ignored(path)
            is_folder = item.is_dir(follow_symlinks=False)
            if ignored and not (is_folder and self._rules.may_reinclude_below(path)):
                continue
            found = Found(path, item.path, item.stat(follow_symlinks=False))
            if not is_folder:
                yield found
            elif not ignored:
                yield found
                yield from self.walk(found)
            else:
                below = list(self.walk(found))
                if below:
                    yield found
                    yield from below

    def _takes_part(self, found: Found) -> bool:
        if not found.path or not self._rules.patterns or not self._rules.ignored(found.path):
            return True
        return stat.S_ISDIR(found.status.st_mode) and any(True for _ in self.walk(found))

    def _glob(self, parts: list[str]) -> list[str]:
        names = [""]
        for part in parts:
            matcher = re.compile(expression(part), re.DOTALL)
            below = []
            for name in names:
                folder = self.root / name
                if folder.is_dir() and not folder.is_symlink():
                    lead = f"{name}/" if name else ""
                    below += [lead + each for each in sorted(os.listdir(folder)) if matcher.match(each)]
            names = below
        return names

    def _resolved(self, name: str, node: Node) -> Found | None:
        """`name` with every symbolic link on the way followed, none of which may leave the context."""
        parts = name.split("/") if name else []
        at: list[str] = []
        links = 0
        while parts:
            part = parts.pop(0)
            here = os.path.join(self.root, *at, part)
            if part == "..":
                if not at:
                    raise ContextEscapeError(f"{name!r} leads out of the context through a link", context=place(node))
                at.pop()
                continue
            try:
                status = os.lstat(here)
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not stat.S_ISLNK(status.st_mode):
                at.append(part)
                continue
            links += 1
            target = os.readlink(here)
            if target.startswith("/") or links > _MOST_LINKS:
                raise ContextEscapeError(
                    f"{name!r} leads out of the context through the link {'/'.join([*at, part])!r} to {target!r}",
                    context=place(node),
                )
            parts = [each for each in target.split("/") if each not in ("", ".")] + parts
        whole = os.path.join(self.root, *at)
        return Found("/".join(at), whole, os.lstat(whole))

    def _missing(self, pattern: str, path: str, node: Node) -> SourceMissingError:
        if (self.root / path).exists():
            hint = f"It is there, but the ignore file leaves it out: remove the pattern or add !{path} to it."
            return SourceMissingError(f"{pattern!r} is left out by the ignore file", context=place(node), hint=hint)
        folder, _, name = path.rpartition("/")
        known = os.listdir(self.root / folder) if (self.root / folder).is_dir() else []
        near = difflib.get_close_matches(name, known, 1)
        nearest = f"Did you mean {folder + '/' if folder else ''}{near[0]}?" if near else None
        return SourceMissingError(f"{pattern!r} is not in the context {self.root}", context=place(node), hint=nearest)
