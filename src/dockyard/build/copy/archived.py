"""The members of an archive that ADD unpacks, on their way into a layer."""

import io
import stat
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from msgspec.structs import replace

from dockyard.build.copy.destination import Destination
from dockyard.layers.fault import ArchiveInvalidError
from dockyard.layers.links import linked
from dockyard.layers.tar import Entry, Kind
from dockyard.layers.tree import WHITEOUT

Placed = tuple[Entry, BinaryIO | None]
# A file by the path that it was first written to, and how often that path had been written over before.
Named = tuple[str, int]


class RelinkedError(Exception):
    """A hard link said something else of a file than the file's own header, which is written by then.

    Attributes:
        headers: what files are like once everything is unpacked, to begin anew with.
    """

    def __init__(self, headers: dict[Named, Entry]) -> None:
        super().__init__(f"{len(headers)} files")
        self.headers = headers


class Archived:
    """Plans what the members of one archive after another become.

    Args:
        destination: the image, and what was planned before.
        owner: of everything, or None for whom each member says.
        mtime: of folders that no member tells of.
        headers: of files, by what `RelinkedError` said.
    """

    def __init__(
        self,
        destination: Destination,
        owner: tuple[int, int] | None,
        mtime: int,
        headers: Mapping[Named, Entry],
    ) -> None:
        self._destination, self._owner, self._mtime = destination, owner, mtime
        self._headers = headers
        self._again: dict[str, int] = {}
        self._links: dict[str, tuple[Named, Kind]] = {}
        self._changed: dict[Named, tuple[Entry, Entry]] = {}

    def plan(self, members: Iterator[tuple[Entry, BinaryIO]], root: str) -> Iterator[Placed]:
        """Headers in their order, each with its content, at the folder `root`, which is resolved and there.

        Raises:
            ArchiveInvalidError: a hard link points to nothing, or a name is one that no layer can hold.
            DestinationInvalidError: a link on the way leads nowhere.
            RelinkedError: at the end; whoever writes a layer has to begin anew.
        """
        for entry, content in members:
            if not entry.path:
                continue
            yield from self._member(entry, content, root)
        changed = {file: latest for file, (written, latest) in self._changed.items() if _said(written) != _said(latest)}
        if changed:
            raise RelinkedError(changed)

    def _member(self, entry: Entry, content: BinaryIO, root: str) -> Iterator[Placed]:
        destination = self._destination
        above, _, name = entry.path.rpartition("/")
        folder = destination.resolve(above, root)
        if destination.kind(folder) is None:
            destination.passable(above, root)
        for made in destination.folders(folder, 0o755, (0, 0), self._mtime):
            yield made, None
        path = f"{folder}/{name}" if folder else name
        if name.startswith(WHITEOUT) and name.removeprefix(WHITEOUT) in ("", ".", ".."):
            raise ArchiveInvalidError(f"the member {entry.path!r} has a name that no layer can hold")
        uid, gid = (entry.uid, entry.gid) if self._owner is None else self._owner
        bits = 0o777 if entry.kind == "symlink" else entry.mode  # whatever the archive says: a file system has no other
        placed = replace(entry, path=path, uid=uid, gid=gid, mode=bits)
        if entry.kind == "hardlink":
            above, _, name = entry.target.rpartition("/")
            folder = destination.resolve(above, root)
            placed = replace(placed, target=f"{folder}/{name}" if folder else name)
            yield from self._brought(entry, placed)
            placed = self._linked(placed)
        elif entry.kind != "dir":
            placed = self._fresh(placed)
        destination.replace(placed)
        yield placed, content if entry.kind == "file" else None

    def _fresh(self, placed: Entry) -> Entry:
        """A member that is a file of its own, with the header that it has at the end."""
        path = placed.path
        if self._links.pop(path, None) is not None or self._destination.has(path):
            self._again[path] = self._again.get(path, 0) + 1
        return _as_said(placed, self._headers.get(self._file(path)))

    def _linked(self, link: Entry) -> Entry:
        """A hard link with what its file's header says at the end; and notes what this link says of it."""
        file = self._file(link.target)
        found = self._destination.look(link.target)
        assert found is not None, "what it points to was looked for"
        kind = self._links[link.target][1] if link.target in self._links else found.kind
        before = self._changed.get(file, (found, found))
        latest = linked(replace(before[1], kind=kind), link)
        if kind == "symlink":  # Docker's unpacking, which ADD has from BuildKit, gives its owner only
            latest = replace(latest, mtime=found.mtime)
        if file in self._changed or _said(latest) != _said(found):
            self._changed[file] = (before[0], latest)
        self._links[link.path] = (file, kind)
        return _as_said(link, self._headers.get(file) or (replace(found, kind=kind) if kind == "symlink" else None))

    def _file(self, path: str) -> Named:
        return self._links[path][0] if path in self._links else (path, self._again.get(path, 0))

    def _brought(self, link: Entry, placed: Entry) -> Iterator[Placed]:
        """What a hard link of an archive points to: nothing where this layer has it, or the image's own file.

        Raises:
            ArchiveInvalidError: it points to nothing, to a folder, or to itself.
        """
        destination, target = self._destination, placed.target
        found = destination.look(target)
        if found is None or found.kind == "dir" or target == placed.path:
            what = "nothing" if found is None else "itself" if target == placed.path else "a folder"
            raise ArchiveInvalidError(f"the hard link {link.path!r} points to {what}", context={"target": link.target})
        tree = destination.tree
        if tree is None or destination.has(target):
            return
        # A layer cannot link to what lies in another one: the file becomes part of this layer, too.
        entry = _as_said(replace(found, path=target), self._headers.get(self._file(target)))
        destination.add(entry)
        yield entry, io.BytesIO(tree.read(target)) if entry.kind == "file" else None


def _said(entry: Entry) -> tuple[object, ...]:
    bits = stat.S_IMODE(entry.mode)
    return (bits, entry.uid, entry.gid, entry.mtime, sorted(entry.xattrs.items()))


def _as_said(entry: Entry, header: Entry | None) -> Entry:
    if header is None:
        return entry
    said = replace(entry, uid=header.uid, gid=header.gid, mtime=header.mtime, xattrs=header.xattrs)
    return said if entry.kind == "symlink" else replace(said, mode=header.mode)
