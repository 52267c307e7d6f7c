"""COPY and ADD: from the context or another image into a layer, in one pass."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from dockyard.build import mode
from dockyard.build.context import Context, Found
from dockyard.build.destination import Destination
from dockyard.build.fault import SourceMissingError, place
from dockyard.build.unpack import archive_members
from dockyard.dockerfile.node import Node
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry, Kind, header
from dockyard.layers.tree import FileTree
from dockyard.layers.tree import Node as TreeNode
from dockyard.layers.write import LayerWriter

_SMALL = 1 << 20
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}


@dataclass(frozen=True)
class Order:
    """What is to be copied, resolved: `target` without leading slash; `owner` None keeps what a tree's file has."""

    node: Node
    sources: Sequence[str]
    target: str
    into_folder: bool
    owner: tuple[int, int] | None = None
    chmod: str = ""
    unpack: bool = False
    texts: Sequence[tuple[str, bytes]] = ()
    mtime: int = 0


class _Out:
    """The layer being written, and the key of its content: everything but the times."""

    def __init__(self, writer: LayerWriter, order: Order, destination: Destination) -> None:
        self._writer, self._order, self.destination = writer, order, destination
        self._hash = hashlib.sha256()

    def add(self, entry: Entry, content: bytes | BinaryIO | None = None) -> None:
        owner, chmod = self._order.owner, self._order.chmod
        if owner is not None:
            entry = replace(entry, uid=owner[0], gid=owner[1])
        if chmod and entry.kind != "symlink":
            changed = mode.changed(entry.mode, chmod, folder=entry.kind == "dir", node=self._order.node)
            entry = replace(entry, mode=changed)
        for parent in self.destination.parents(entry.path):
            self._write(parent, None)
        if entry.kind == "dir" and (not entry.path or self.destination.is_folder(entry.path)):
            made = self.destination.made.get(entry.path)
            if made is not None or not entry.path:
                return
        self.destination.add(entry)
        self._write(entry, content)

    def _write(self, entry: Entry, content: bytes | BinaryIO | None) -> None:
        self._hash.update(header(replace(entry, mtime=0)))
        if isinstance(content, bytes):
            self._hash.update(content)
            self._writer.add(entry, content)
        else:
            self._writer.add(entry, None if content is None else _Hashed(content, self._hash))  # type: ignore[arg-type]

    def key(self) -> str:
        return self._hash.hexdigest()


class _Hashed:
    """A stream whose bytes are hashed on their way."""

    def __init__(self, stream: BinaryIO, hasher: "hashlib._Hash") -> None:
        self._stream, self._hasher = stream, hasher

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hasher.update(data)
        return data


def from_context(
    order: Order, found: Sequence[Found], context: Context, destination: Destination, writer: LayerWriter
) -> str:
    """Write what `found` in the context into a layer, not yet committed; returns the key of its content."""
    out = _Out(writer, order, destination)
    _texts(order, out)
    for source in found:
        is_folder = stat.S_ISDIR(source.status.st_mode)
        if order.unpack and stat.S_ISREG(source.status.st_mode):
            members = archive_members(source.place)
            if members is not None:
                _unpack(members, out, destination.folder(order.target))
                continue
        if is_folder:
            root = destination.folder(order.target)
            out.add(_entry(source, root))
            skip = len(source.path) + 1 if source.path else 0
            for below in context.walk(source):
                path = below.path[skip:]
                _file(out, below, f"{root}/{path}" if root else path)
        else:
            _file(out, source, _target(order, destination, os.path.basename(source.path)))
    return out.key()


def from_tree(
    order: Order, tree: FileTree, layers: Sequence[Layer], destination: Destination, writer: LayerWriter
) -> str:
    """Write what `order` names in another image's `tree` into a layer, not yet committed; returns its content's key.

    Folders and links come first, sorted; then files in the order in which they lie in their layers, so that each
    layer is read once, front to back. Owners are kept unless the order names one.
    """
    out = _Out(writer, order, destination)
    _texts(order, out)
    files: dict[tuple[int, str], list[Entry]] = {}
    for node, path in _selected(order, tree, destination):
        entry = replace(node.entry, path=path, mtime=node.entry.mtime)
        if entry.kind == "file":
            files.setdefault((node.layer, node.content), []).append(entry)
        else:
            out.add(entry)
    for number in sorted({number for number, _ in files}):
        wanted = {content: entries for (layer, content), entries in files.items() if layer == number}
        for entry, content in layers[number].entries():
            targets = wanted.pop(entry.path, None) if entry.kind == "file" else None
            for first, target in enumerate(targets or ()):
                if first == 0:
                    out.add(replace(target, size=entry.size), content)
                else:
                    out.add(replace(target, kind="hardlink", size=0, target=targets[0].path if targets else ""))
    return out.key()


def _selected(order: Order, tree: FileTree, destination: Destination) -> Iterator[tuple[TreeNode, str]]:
    for pattern in order.sources:
        nodes = _glob(tree, pattern)
        if not nodes:
            raise SourceMissingError(f"{pattern!r} is not in what --from names", context=place(order.node))
        for node in nodes:
            if node.entry.kind != "dir":
                yield node, _target(order, destination, node.path.rpartition("/")[2])
                continue
            root = destination.folder(order.target)
            skip = len(node.path) + 1 if node.path else 0
            for below in tree.walk(node.path):
                path = below.path[skip:]
                yield below, "/".join(filter(None, (root, path)))


def _glob(tree: FileTree, pattern: str) -> list[TreeNode]:
    import re

    from dockyard.dockerfile.ignore import expression

    path = os.path.normpath("/" + pattern)[1:]
    if not re.search(r"[*?\[\\]", path):
        found = tree.get(path)
        return [found] if found is not None else []
    nodes = [found for found in (tree.get(""),) if found is not None]
    for part in path.split("/"):
        matcher = re.compile(expression(part), re.DOTALL)
        nodes = [each for node in nodes for each in tree.list(node.path) if matcher.match(each.path.rpartition("/")[2])]
    return nodes


def _target(order: Order, destination: Destination, name: str) -> str:
    folder = destination.folder(order.target)
    if order.into_folder or destination.is_folder(folder):
        return f"{folder}/{name}" if folder else name
    above, _, last = order.target.rpartition("/")
    resolved = destination.folder(above)
    return f"{resolved}/{last}" if resolved else last


def _texts(order: Order, out: _Out) -> None:
    for name, data in order.texts:
        out.add(Entry(_target(order, out.destination, name), size=len(data), mtime=order.mtime), data)


def _unpack(members: Iterator[tuple[Entry, BinaryIO]], out: _Out, root: str) -> None:
    for entry, content in members:
        path = "/".join(filter(None, (root, entry.path)))
        linked = "/".join(filter(None, (root, entry.target))) if entry.kind == "hardlink" else entry.target
        out.add(replace(entry, path=path, target=linked), content if entry.kind == "file" else None)


def _entry(found: Found, path: str) -> Entry:
    status = found.status
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "file")
    target = os.readlink(found.place) if kind == "symlink" else ""
    size = status.st_size if kind == "file" else 0
    permissions = 0o777 if kind == "symlink" else stat.S_IMODE(status.st_mode)
    return Entry(path, kind, permissions, 0, 0, size, int(status.st_mtime), target)


def _file(out: _Out, found: Found, path: str) -> None:
    kind = stat.S_IFMT(found.status.st_mode)
    if kind == stat.S_IFSOCK:
        return  # a socket means nothing in an image
    entry = _entry(found, path)
    if not entry.size:
        out.add(entry)
        return
    # The file was no link when it was listed; if it has become one since, it is not followed.
    handle = os.open(found.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if entry.size < _SMALL:
        try:
            out.add(entry, os.read(handle, entry.size + 1))
        finally:
            os.close(handle)
    else:
        with os.fdopen(handle, "rb", buffering=0) as stream:
            out.add(entry, stream)
