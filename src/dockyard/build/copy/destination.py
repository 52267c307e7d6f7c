"""Where a COPY goes: a view of what the image holds with what the copy has made so far laid over it."""

import stat
from collections import deque
from collections.abc import Mapping

from msgspec.structs import replace

from dockyard.errors import UsageError
from dockyard.layers.tar import Entry, Kind
from dockyard.layers.tree import FileTree

_MOST_LINKS = 255
_NOTHING: Mapping[str, tuple[int, int]] = {}


class DestinationInvalidError(UsageError):
    """A file would have to replace a folder, or a folder something that is none, or links lead in a circle."""

    reference = "destination-invalid"
    hint = "Choose another destination, or remove what is there in an earlier step."


class Destination:
    """The image's tree, and what has been made on it.

    Args:
        tree: what the image holds; None for a linked copy, which does not look at it.
        stirred: folders of it with a time that no layer says, see `State.stirred`.
    """

    def __init__(self, tree: FileTree | None, stirred: Mapping[str, tuple[int, int]] = _NOTHING) -> None:
        self.tree, self._stirred = tree, stirred
        self._made: dict[str, Entry] = {}
        self._told: set[str] = set()
        self._replaced: set[str] = set()

    def look(self, path: str) -> Entry | None:
        """What is at `path`, whose folders must be resolved already; links are not followed."""
        made = self._made.get(path)
        if made is not None:
            return made
        node = self.tree.get(path, follow=False) if self.tree is not None else None
        if node is not None and not (self._replaced and self._is_hidden(path)):
            return node.entry
        return Entry("", "dir", 0o755) if not path else None

    def has(self, path: str) -> bool:
        """Whether what is at `path` was made here, not in an earlier step."""
        return path in self._made

    def _is_hidden(self, path: str) -> bool:
        """Whether a folder above `path` has been replaced by something that is none."""
        while path:
            path = path.rpartition("/")[0]
            if path in self._replaced:
                return True
        return False

    def tree_is_empty(self, path: str) -> bool:
        """Whether nothing is at `path`, which is resolved, or an empty folder."""
        if self.tree is not None and self.tree.list(path):
            return False
        if any(each == path or each.startswith(f"{path}/") or not path for each in self._made):
            return False
        return self.kind(path) in (None, "dir")

    def kind(self, path: str) -> Kind | None:
        """What kind of thing is at `path`, or None."""
        if not path:
            return "dir"
        found = self.look(path)
        return found.kind if found is not None else None

    def resolve(self, path: str, root: str = "") -> str:
        """`path` below `root` with every link followed inside `root`, the last one too, as far as anything is there.

        Raises:
            DestinationInvalidError: links lead in a circle.
        """
        parts = deque(path.split("/"))
        at = root
        links = 0
        while parts:
            part = parts.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                at = at.rpartition("/")[0] if at != root else root
                continue
            here = f"{at}/{part}" if at else part
            found = self.look(here)
            if found is None or found.kind != "symlink":
                at = here
                continue
            links += 1
            if links > _MOST_LINKS:
                raise DestinationInvalidError(f"the links on the way to /{path} lead in a circle")
            if found.target.startswith("/"):
                at = root
            parts.extendleft(reversed(found.target.split("/")))
        return at

    def passable(self, path: str, root: str) -> None:
        """Refuse a `path` below `root` on which a link leads nowhere: no folder can be made there.

        Raises:
            DestinationInvalidError: one does.
        """
        for end in [at for at, char in enumerate(path) if char == "/"] + [len(path)]:
            above, _, name = path[:end].rpartition("/")
            folder = self.resolve(above, root)
            here = self.look(f"{folder}/{name}" if folder else name)
            if here is not None and here.kind == "symlink" and self.kind(self.resolve(path[:end], root)) is None:
                raise DestinationInvalidError(f"the link {path[:end]} on the way to {path} leads nowhere")

    def folders(self, path: str, mode: int, owner: tuple[int, int] | None, mtime: int) -> list[Entry]:
        """Headers for `path`, which is resolved, and the folders above it that are not there yet, highest first.

        Below a folder with the set-group-ID bit they have it, too, as the kernel makes folders there, and without an
        `owner` its group.

        Raises:
            DestinationInvalidError: something on the way is no folder.
        """
        missing: list[str] = []
        found = None
        while path and (found := self.look(path)) is None:
            missing.append(path)
            path = path.rpartition("/")[0]
        if found is not None and found.kind != "dir":
            raise DestinationInvalidError(f"/{path} is there and is no folder")
        shared = found is not None and bool(found.mode & stat.S_ISGID)
        uid, gid = owner or (0, found.gid if found is not None and shared else 0)
        bits = mode | stat.S_ISGID if shared else mode
        entries = [Entry(each, "dir", bits, uid, gid, mtime=mtime) for each in reversed(missing)]
        self._made.update((entry.path, entry) for entry in entries)
        return entries

    def moved(self, path: str, mtime: int) -> list[Entry]:
        """The header of the folder that `path` is in with the time `mtime`, if this step gave it another."""
        found = self._made.get(path.rpartition("/")[0])
        if found is None or found.kind != "dir" or found.mtime == mtime:
            return []
        self._made[found.path] = replace(found, mtime=mtime)
        return [self._made[found.path]]

    def above(self, path: str, mtime: int) -> list[Entry]:
        """Headers of the image's own folders above `path`, highest first, each told once.

        A layer that has them can be unpacked by itself: folders that it only implies would get another owner and mode.
        The one that `path` is in gets the time `mtime`, as its content changes; not where `path` is a folder already.
        """
        found: list[Entry] = []
        nearest = folder = path.rpartition("/")[0]
        here = self.tree.get(path, follow=False) if self.tree is not None else None
        if here is not None and here.entry.kind == "dir":
            nearest = ""
        while folder and folder not in self._told:
            self._told.add(folder)
            node = self.tree.get(folder, follow=False) if self.tree is not None and folder not in self._made else None
            if node is not None and node.entry.kind == "dir":
                layers, seconds = self._stirred.get(folder, (0, 0))
                time = mtime if folder == nearest else seconds if node.layer < layers else node.entry.mtime
                found.append(replace(node.entry, mtime=time))
            folder = folder.rpartition("/")[0]
        return found[::-1]

    def made(self, path: str) -> bool:
        """Whether this step has written the header of `path`."""
        return path in self._made

    def told(self, path: str) -> bool:
        """Whether this step's layer has a header of the folder `path`, be it only for what is in it."""
        return path in self._made or path in self._told

    def add(self, entry: Entry) -> None:
        """Note that `entry` will be there; nothing is in its way."""
        self._made[entry.path] = entry

    def replace(self, entry: Entry) -> None:
        """Note that `entry` will be there instead of what was, with everything below a folder that it replaces."""
        if entry.kind != "dir":
            before = self.look(entry.path)
            if before is not None and before.kind == "dir":
                self._replaced.add(entry.path)
                for path in [each for each in self._made if each.startswith(f"{entry.path}/")]:
                    del self._made[path]
        self._made[entry.path] = entry
