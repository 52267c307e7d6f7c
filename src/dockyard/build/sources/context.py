"""A folder on this machine as a source: the build context, a named context, or a Git checkout."""

import errno
import itertools
import os
import stat
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from dockyard.build.fault import ContextEscapeError, ContextUnreadableError, SourceMissingError, place
from dockyard.build.sources.ahead import Ahead, Seen
from dockyard.build.sources.listing import Facts, Listed, digest_of, facts, look, packed, rows, sight, stamp
from dockyard.build.sources.paths import followed, glob, missing
from dockyard.build.sources.sent import doubled, wild_above
from dockyard.build.sources.sent import sent as is_sent
from dockyard.build.sources.source import WILD, Item
from dockyard.build.sources.watched import Watched, check
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.node import Node
from dockyard.layers.tar import Kind
from dockyard.layers.write import FileChangedError

_SMALL = 1 << 20
_REMEMBERED = 200_000
TICK = 0.02  # seconds
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFSOCK: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}


class Context:
    """The folder `root` less what its ignore rules leave out. Everything in it belongs to root, whoever owns it here,
    and has no extended attributes: of those a layer keeps `security.capability` only, which BuildKit loses on the way
    from the context, as it gives a file its owner last.

    An item's `handle` is its path on this machine.
    `asked` has the patterns of all instructions of the build, where only what they name counts as there. With `owned`
    everything belongs to whom it belongs here. `dated` is the time that all files were given, where times count as
    much as content does: a commit's.

    Raises:
        ContextUnreadableError: `root` is no folder.
    """

    def __init__(
        self,
        root: Path,
        rules: IgnoreRules,
        dated: int | None = None,
        ahead: Ahead | None = None,
        *,
        owned: bool = False,
    ) -> None:
        if not root.is_dir():
            raise ContextUnreadableError(f"the context {root} is not a folder", context={"context": root})
        self.root = root.resolve()
        self._stamped = threading.local()  # stages that go on side by side copy from one context
        self.dated = dated
        self.owned = owned
        self.asked: list[str] | None = None
        self._place = str(self.root).rstrip("/")
        self._rules = rules
        self._listed: dict[str, list[Listed]] = {}
        self._before: dict[str, tuple[str, Facts]] = {}
        self._count = 0
        self._ahead = ahead if ahead is not None and ahead.root == str(self.root) else None
        self._folders: dict[str, str] = {}
        self._stamps: dict[str, tuple[str, int]] = {}
        self._settled = True
        self._relied = False

    def find(self, pattern: str, node: Node) -> list[Item]:
        """What `pattern` of a COPY or ADD names, sorted; links to it are followed inside the context.

        Raises:
            SourceMissingError: nothing; with the nearest name there is.
            ContextEscapeError: it leads out of the context.
        """
        parts = [part for part in os.path.normpath("/" + pattern).split("/") if part]
        outside = os.path.normpath(pattern.lstrip("/")).startswith("..")
        wild = any(map(WILD.search, parts))
        if wild:
            self._folder_of(pattern, parts, node)
        names = glob(self.root, parts) if wild else ["/".join(parts)]
        found = [self._resolved(name, node) for name in names]
        for name, item in zip(names, found, strict=True):
            if wild and item is None and (self.root / name).is_symlink() and not self._rules.ignored(name):
                raise SourceMissingError(f"{name!r} is a link to nothing", context=place(node))
            if item is None or item.path == name or self._rules.ignored(name):
                continue
            if not self._takes_part(item):
                raise missing(self.root, name, item.path, node)
            if wild_above(parts) and not self.sent(item.path):
                raise SourceMissingError(
                    f"{name!r} is a link to {item.path}, which no instruction names: "
                    "links that are found in a folder with a wildcard are not followed",
                    context=place(node),
                    hint=f"Write the folder's name without a wildcard, or copy {item.path} itself.",
                )
        kept = [each for each in found if each is not None and self._takes_part(each)]
        if ("\\" in pattern and not wild) or doubled(parts):
            kept = [each for each in kept if self.sent(each.path)]
        if not kept and outside:
            raise ContextEscapeError(f"{pattern!r} leads out of the context", context=place(node))
        if not kept and not wild:
            raise missing(self.root, pattern, "/".join(parts), node)
        return kept

    def _folder_of(self, pattern: str, parts: list[str], node: Node) -> None:
        """Refuse a pattern whose folder, the part before its first wildcard, is not there.

        BuildKit sends only what the instructions name, so to it a folder is missing, too, in which they name nothing.
        """
        fixed = "/".join(itertools.takewhile(lambda part: not WILD.search(part), parts))
        if not fixed:
            return
        found = self._resolved(fixed, node)
        if found is None or not self._takes_part(found) or not self.sent(found.path):
            raise SourceMissingError(
                f"{pattern!r} matches nothing, and no instruction takes anything from {fixed!r}", context=place(node)
            )

    def sent(self, path: str) -> bool:
        """Whether an instruction names `path`, a folder above it, or something in it."""
        return self.asked is None or is_sent(path, self.asked, self.root, self._rules)

    def folder_of(self, pattern: str, node: Node) -> None:
        """As `find` does with a pattern's folder, for patterns that are matched below it."""
        self._folder_of(pattern, [part for part in os.path.normpath("/" + pattern).split("/") if part], node)

    def has(self, path: str) -> bool:
        """Whether something that takes part is at `path` itself, with no link followed on the way."""
        above = ""
        for part in filter(None, path.split("/")):
            here = f"{above}/{part}" if above else part
            if not any(row[0] == part for row in self.listing(above, f"{self._place}/{above}".rstrip("/") or "/")):
                return False
            above = here
            if here != path and not stat.S_ISDIR(os.lstat(self.root / here).st_mode):
                return False
        return True

    def children(self, item: Item) -> Iterable[Item]:
        """What is directly in a folder and takes part, sorted by name."""
        above = f"{item.path}/" if item.path else ""
        return [self.item(above + row[0], row) for row in self.listing(item.path, str(item.handle))]

    def listing(self, path: str, whole: str) -> list[Listed]:
        """What is directly in the folder `path`, which is `whole` on this machine, and takes part, sorted by name.

        Raises:
            FileChangedError: the folder went away while the context was listed.
            ContextUnreadableError: it cannot be read.
        """
        known = self._listed.get(path)
        if known is not None:
            return known
        ahead = self._ahead  # another thread may give it up
        known_ahead = ahead.rows.pop(path, None) if ahead is not None else None
        self._before[path] = (whole, known_ahead[0] if known_ahead else facts(whole))
        try:
            sighted, found = known_ahead[1:] if known_ahead else self._looked(whole)
        except FileNotFoundError as error:
            raise FileChangedError(f"{path} is gone", context={"file": whole}) from error
        except OSError as error:
            raise ContextUnreadableError(f"cannot read {path}: {error.strerror}", context={"file": whole}) from error
        if ahead is not None:
            self._folders[path] = sighted
        if self._rules.patterns:
            found = [row for row in found if self._has_part(f"{path}/{row[0]}" if path else row[0], whole, row)]
        if self._count < _REMEMBERED:
            self._count += len(found)
            self._listed[path] = found
        return found

    def _looked(self, whole: str) -> tuple[str, list[Listed]]:
        looked = packed(*look(whole))
        return sight(looked) if self._ahead is not None else "", rows(looked)

    def _has_part(self, path: str, whole: str, row: Listed) -> bool:
        if not self._rules.ignored(path):
            return True
        reached = stat.S_ISDIR(row[1]) and self._rules.may_reinclude_below(path)
        return reached and bool(self.listing(path, f"{whole}/{row[0]}"))

    def content(self, item: Item) -> bytes | BinaryIO:
        """A file's content.

        Raises:
            FileChangedError: it is not what it was when its folder was listed.
        """
        if isinstance(item.handle, bytes):  # a socket
            return item.handle
        # It was a file when it was listed; if it has become a link or pipe since, it is not followed or waited for.
        try:
            handle = os.open(item.handle, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise FileChangedError(f"{item.path} is gone", context={"file": item.path}) from error
        except OSError as error:
            kind = FileChangedError if error.errno in (errno.ELOOP, errno.ENXIO) else ContextUnreadableError
            raise kind(f"cannot read {item.path}: {error.strerror}", context={"file": item.handle}) from error
        if item.size >= _SMALL:
            return cast("BinaryIO", Watched(handle, item))
        try:
            data = os.read(handle, item.size + 1)
            check(handle, item)  # afterwards: what is changed between listing and reading shows as well
            return data
        finally:
            os.close(handle)

    def small(self, path: str, row: Listed) -> bytes | None:
        """The content of a small file, as `content` gives it; None for any other.

        Raises:
            FileChangedError: it is not the file that was listed.
        """
        size = row[2]
        if size >= _SMALL:
            return None
        whole = f"{self._place}/{path}" if path else self._place
        try:
            handle = os.open(whole, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None  # the long way says what is wrong
        try:
            data = os.read(handle, size + 1)
            found = os.fstat(handle)
        finally:
            os.close(handle)
        if (size, row[3], row[4], row[5]) != (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino):
            raise FileChangedError(f"{path} was changed while it was copied", context={"file": path})
        return data

    def stamp(self, items: Sequence[Item]) -> tuple[str, bool]:
        """What tells whether anything in `items` and below has changed since, and whether it can be relied on.

        A file's content cannot change without its ctime; but a file changed this very moment may change again within
        one tick of the clock, so what was touched in the last moments is not relied on: list it again after `TICK`.
        """
        rows = []
        folders: dict[str, str] = {}
        newest = 0
        for item in items:
            rows.append((item.path, item.mode, item.mtime, item.size, item.facts))
            if item.kind == "dir":
                newest = max(newest, self._stamp(item.path, str(item.handle), folders))
            elif item.facts is not None:
                newest = max(newest, item.facts[2])
        settled = time.time_ns() - newest > TICK * 1e9
        self._settled = self._settled and settled
        self._stamped.folders = folders
        return digest_of([rows, sorted(folders.items())]), settled

    @property
    def folders(self) -> Mapping[str, str]:
        """The digests of the folders that this thread stamped last, by their paths."""
        found: Mapping[str, str] = getattr(self._stamped, "folders", {})
        return found

    def _stamp(self, path: str, whole: str, folders: dict[str, str]) -> int:
        """Note the digest of every folder at and below `path`; returns the latest change of a file."""
        before = self._stamped_before(path)
        if before is not None:
            folders.update({each: stamped for each, (stamped, _) in before.items()})
            return max(latest for _, latest in before.values())
        newest = 0
        stack = [(path, whole)]
        while stack:
            path, whole = stack.pop()
            rows = self.listing(path, whole)
            names = [row[0] for row in rows if row[1] & 0o170000 == stat.S_IFDIR]
            stack += [(f"{path}/{name}" if path else name, f"{whole}/{name}") for name in names]
            stamped = stamp(rows)
            folders[path] = stamped[0]
            if self._ahead is not None:
                self._stamps[path] = stamped
            newest = max(newest, stamped[1])
        return newest

    def _stamped_before(self, path: str) -> dict[str, tuple[str, int]] | None:
        """The stamps of every folder at and below `path`, where the build before has them and nothing changed since."""
        ahead = self._ahead
        if ahead is None or ahead.seen is None or ahead.seen.rules != self._ruled():
            return None
        ahead.finish()
        if not ahead.same or path not in ahead.seen.stamps:
            return None
        self._relied = True
        below = f"{path}/" if path else ""
        return {each: found for each, found in ahead.seen.stamps.items() if each == path or each.startswith(below)}

    def relied(self) -> bool:
        """Whether a stamp was taken over from the build before; from now on everything is listed here."""
        if self._relied:
            self._ahead = None
        return self._relied

    def remember(self) -> None:
        """Keep what was seen for the next build of this folder."""
        ahead = self._ahead
        if ahead is None or not self._settled or not self._stamps or self._count >= _REMEMBERED:
            return
        known = ahead.seen if ahead.same and ahead.seen is not None else Seen("", {}, {})
        ahead.keep(Seen(self._ruled(), {**known.folders, **self._folders}, {**known.stamps, **self._stamps}))

    def _ruled(self) -> str:
        return digest_of(repr(self._rules.patterns)) if self._rules.patterns else ""

    def newest(self, path: str, whole: str) -> str:
        """The file directly in a folder that was changed last; the folder itself where there is none."""
        files = [row for row in self.listing(path, whole) if not stat.S_ISDIR(row[1])]
        if not files:
            return path or "/"
        name = max(files, key=lambda row: row[4])[0]
        return f"{path}/{name}" if path else name

    def check(self) -> None:
        """Make sure that the folders that were stamped last still hold what they held when they were listed.

        Raises:
            FileChangedError: something in one of them was added, removed or renamed since.
        """
        for path in self.folders:
            whole, before = self._before.get(path, ("", None))
            if before is not None and before != facts(whole):
                raise FileChangedError(f"the folder {path or '.'} was changed while it was copied")

    def forget(self) -> None:
        """Look at the folder anew the next time."""
        self._listed.clear()
        self._before.clear()
        self._stamps.clear()
        self._folders.clear()
        self._settled = True
        self._count = 0

    def item(self, path: str, row: Listed) -> Item:
        """The item that a row of a listing stands for; an empty file for a socket, as BuildKit has it.

        Raises:
            FileChangedError: it is not there any more.
        """
        name, bits, size, mtime, ctime, inode, names, device, special = row
        kind = _KINDS[bits & 0o170000]
        socket = stat.S_ISSOCK(bits)
        whole = f"{self._place}/{path}" if path else self._place
        try:
            target = os.readlink(whole) if kind == "symlink" else ""
            owner = os.lstat(whole) if self.owned else None
        except OSError as error:
            raise FileChangedError(f"{path} was changed while it was copied", context={"file": whole}) from error
        return Item(
            name,
            path,
            kind,
            0o777 if kind == "symlink" else bits & 0o7777,
            0 if owner is None else owner.st_uid,
            0 if owner is None else owner.st_gid,
            size=size if kind == "file" and not socket else 0,
            mtime=mtime // 10**9,
            target=target,
            major=os.major(special) if kind in ("char", "block") else 0,
            minor=os.minor(special) if kind in ("char", "block") else 0,
            link=(device, inode) if names > 1 and kind != "dir" else None,
            handle=b"" if socket else whole,
            facts=(size, mtime, ctime, inode) if kind != "dir" else None,
        )

    def _takes_part(self, item: Item) -> bool:
        if not item.path or not self._rules.patterns or not self._rules.ignored(item.path):
            return True
        return item.kind == "dir" and bool(self.listing(item.path, str(item.handle)))

    def _resolved(self, name: str, node: Node) -> Item | None:
        """`name` with every symbolic link on the way followed."""
        found = followed(self.root, self._rules, name, node)
        if found is None:
            return None
        path, status = found
        row = (
            name.rpartition("/")[2],
            status.st_mode,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_nlink,
            status.st_dev,
            status.st_rdev,
        )
        return self.item(path, row)
