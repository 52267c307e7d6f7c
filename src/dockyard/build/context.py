"""A folder on this machine as a source: the build context, a named context, or a Git checkout."""

import difflib
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from dockyard.build.fault import ContextEscapeError, ContextUnreadableError, SourceMissingError, place
from dockyard.build.source import WILD, Item
from dockyard.dockerfile.ignore import IgnoreRules, expression
from dockyard.dockerfile.node import Node
from dockyard.layers.tar import Kind
from dockyard.layers.write import FileChangedError

_MOST_LINKS = 255
_SMALL = 1 << 20
_REMEMBERED = 200_000
_TICK = 50_000_000  # nanoseconds
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
_NONE: dict[str, bytes] = {}


class Context:
    """The folder `root` less what its ignore rules leave out. Everything in it belongs to root, whoever owns it here.

    An item's `handle` is its path on this machine, and `link` has the facts that tell whether it was changed.

    Raises:
        ContextUnreadableError: `root` is no folder.
    """

    def __init__(self, root: Path, rules: IgnoreRules) -> None:
        if not root.is_dir():
            raise ContextUnreadableError(f"the context {root} is not a folder", context={"context": root})
        self.root = root.resolve()
        self._rules = rules
        self._listed: dict[str, list[Item]] = {}
        self._count = 0
        self._facts: dict[str, tuple[int, int, int, int]] = {}

    def find(self, pattern: str, node: Node) -> list[Item]:
        """What `pattern` of a COPY or ADD names, sorted; links to it are followed inside the context.

        Raises:
            SourceMissingError: nothing; with the nearest name there is.
            ContextEscapeError: it leads out of the context.
        """
        parts = [part for part in os.path.normpath("/" + pattern).split("/") if part]
        outside = os.path.normpath(pattern.lstrip("/")).startswith("..")
        wild = any(map(WILD.search, parts))
        names = self._glob(parts) if wild else ["/".join(parts)]
        found = [self._resolved(name, node) for name in names]
        for name, item in zip(names, found, strict=True):
            if wild and item is None and (self.root / name).is_symlink():
                raise SourceMissingError(f"{name!r} is a link to nothing", context=place(node))
        kept = [each for each in found if each is not None and self._takes_part(each)]
        if not kept and outside:
            raise ContextEscapeError(f"{pattern!r} leads out of the context", context=place(node))
        if not kept and not wild:
            raise self._missing(pattern, "/".join(parts), node)
        return kept

    def children(self, item: Item) -> Iterable[Item]:
        """What is directly in a folder and takes part, sorted by name."""
        known = self._listed.get(item.path)
        if known is not None:
            return known
        found = []
        for each in sorted(os.scandir(item.handle), key=lambda entry: os.fsencode(entry.name)):
            path = f"{item.path}/{each.name}" if item.path else each.name
            ignored = bool(self._rules.patterns) and self._rules.ignored(path)
            if ignored and not (each.is_dir(follow_symlinks=False) and self._rules.may_reinclude_below(path)):
                continue
            made = self._item(each.name, path, each.path, each.stat(follow_symlinks=False))
            if made is not None and (not ignored or any(True for _ in self.children(made))):
                found.append(made)
        if self._count < _REMEMBERED:
            self._count += len(found)
            self._listed[item.path] = found
        return found

    def content(self, item: Item) -> bytes | BinaryIO:
        """A file's content.

        Raises:
            FileChangedError: it is not what it was when its folder was listed.
        """
        # It was no link when it was listed; if it has become one since, it is not followed.
        try:
            handle = os.open(item.handle, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise FileChangedError(f"{item.path} is gone", context={"file": item.path}) from error
        except OSError as error:
            raise ContextUnreadableError(
                f"cannot read {item.path}: {error.strerror}", context={"file": item.handle}
            ) from error
        try:
            self._unchanged(item, os.fstat(handle))
            if item.size < _SMALL:
                return os.read(handle, item.size + 1)
            return os.fdopen(os.dup(handle), "rb", buffering=0)
        finally:
            os.close(handle)

    def stamp(self, items: Sequence[Item]) -> tuple[str, bool]:
        """What tells whether anything in `items` and below has changed since, and whether it can be relied on.

        A file's content cannot change without its ctime; but a file changed this very moment may change again within
        one tick of the clock, so what was touched in the last moments is not relied on.
        """
        digest = hashlib.sha256()
        newest = 0
        stack = list(reversed(items))
        while stack:
            item = stack.pop()
            if item.kind == "dir":
                digest.update(b"%b\0%d %d\n" % (os.fsencode(item.path), item.mode, item.mtime))
                stack += reversed(list(self.children(item)))
                continue
            status = self._facts.get(item.path) or _facts(os.lstat(item.handle))
            newest = max(newest, status[2])
            digest.update(b"%b\0%d %d %d %d %d\n" % (os.fsencode(item.path), item.mode, *status))
        return digest.hexdigest(), time.time_ns() - newest > _TICK

    def forget(self) -> None:
        """Look at the folder anew the next time."""
        self._listed.clear()
        self._facts.clear()
        self._count = 0

    def _item(self, name: str, path: str, whole: str, status: os.stat_result) -> Item | None:
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            return None  # a socket means nothing in an image
        if self._count < _REMEMBERED and kind != "dir":
            self._facts[path] = _facts(status)
        try:
            names = os.listxattr(whole, follow_symlinks=False)
        except OSError:
            names = []
        return Item(
            name,
            path,
            kind,
            0o777 if kind == "symlink" else stat.S_IMODE(status.st_mode),
            size=status.st_size if kind == "file" else 0,
            mtime=int(status.st_mtime),
            target=os.readlink(whole) if kind == "symlink" else "",
            major=os.major(status.st_rdev) if kind in ("char", "block") else 0,
            minor=os.minor(status.st_rdev) if kind in ("char", "block") else 0,
            xattrs={key: os.getxattr(whole, key, follow_symlinks=False) for key in names} if names else _NONE,
            link=(status.st_dev, status.st_ino) if status.st_nlink > 1 and kind != "dir" else None,
            handle=whole,
        )

    def _unchanged(self, item: Item, now: os.stat_result) -> None:
        before = self._facts.get(item.path)
        if (before is not None and before != _facts(now)) or now.st_size != item.size:
            raise FileChangedError(f"{item.path} was changed while it was copied", context={"file": item.path})

    def _takes_part(self, item: Item) -> bool:
        if not item.path or not self._rules.patterns or not self._rules.ignored(item.path):
            return True
        return item.kind == "dir" and any(True for _ in self.children(item))

    def _glob(self, parts: list[str]) -> list[str]:
        names = [""]
        fixed = True
        for part in parts:
            if fixed and not WILD.search(part):
                names = [f"{name}/{part}" if name else part for name in names]
                continue
            matcher = re.compile(expression(part), re.DOTALL)
            below = []
            for name in names:
                folder = self.root / name
                # Links before the first wildcard are followed, later ones are not.
                if folder.is_dir() and (fixed or not folder.is_symlink()):
                    lead = f"{name}/" if name else ""
                    below += [lead + each for each in sorted(os.listdir(folder)) if matcher.match(each)]
            names = below
            fixed = False
        return names

    def _resolved(self, name: str, node: Node) -> Item | None:
        """`name` with every symbolic link on the way followed; a link that leads out ends at the context's root."""
        parts = name.split("/") if name else []
        at: list[str] = []
        links = 0
        led = ""
        while parts:
            part = parts.pop(0)
            here = os.path.join(self.root, *at, part)
            if part == "..":
                led = led or ("" if at else name)
                del at[-1:]
                continue
            try:
                status = os.lstat(here)
            except (FileNotFoundError, NotADirectoryError):
                if led:
                    raise ContextEscapeError(
                        f"{name!r} leads out of the context through a link", context=place(node)
                    ) from None
                return None
            if not stat.S_ISLNK(status.st_mode):
                at.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise ContextEscapeError(f"the links of {name!r} lead in a circle", context=place(node))
            target = os.readlink(here)
            if target.startswith("/"):
                led, at = name, []
            parts = [each for each in target.split("/") if each not in ("", ".")] + parts
        whole = os.path.join(self.root, *at)
        return self._item(name.rpartition("/")[2], "/".join(at), whole, os.lstat(whole))

    def _missing(self, pattern: str, path: str, node: Node) -> SourceMissingError:
        if (self.root / path).exists():
            hint = f"It is there, but the ignore file leaves it out: remove the pattern or add !{path} to it."
            return SourceMissingError(f"{pattern!r} is left out by the ignore file", context=place(node), hint=hint)
        folder, _, name = path.rpartition("/")
        known = os.listdir(self.root / folder) if (self.root / folder).is_dir() else []
        near = difflib.get_close_matches(name, known, 1)
        nearest = f"Did you mean {folder + '/' if folder else ''}{near[0]}?" if near else None
        return SourceMissingError(f"{pattern!r} is not in the context {self.root}", context=place(node), hint=nearest)


def _facts(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
