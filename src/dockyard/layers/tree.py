"""The merged view of layers: what a container would see (image-spec, layer.md, whiteouts)."""

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from dockyard._internal.limits import TooLargeError, read_bounded
from dockyard.errors import Error
from dockyard.layers import index
from dockyard.layers.layer import Layer
from dockyard.layers.links import Links, Node
from dockyard.layers.tar import Entry

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_MOST_LINKS = 40
_READ_LIMIT = 64 << 20


class PathNotFoundError(Error):
    """An image has no file at the path that was asked for."""

    reference = "path-not-found"


class FileTree:
    """The files of an image, `layers` over each other, lowest first, without unpacking it. Read-only."""

    def __init__(
        self,
        layers: Sequence[Layer],
        nodes: dict[str, Node],
        children: dict[str, set[str]],
        doubled: frozenset[int] = frozenset(),
    ) -> None:
        self.layers = layers
        self._doubled = doubled
        self._nodes = nodes
        self._children = children
        self._sorted: list[str] | None = None

    @classmethod
    def of(cls, layers: Sequence[Layer], *, cache: Path | None = None) -> Self:
        """The view of `layers`, lowest first; `cache` keeps each layer's list of members (see `index.entries`)."""
        return cls([], {"": Node("", Entry("", "dir", 0o755), 0, "")}, {}).over(layers, cache=cache)

    def over(self, layers: Sequence[Layer], *, cache: Path | None = None) -> Self:
        """The view of `layers`, which begin with those of this view: only what is above is read. This one stays."""
        nodes, children, doubled = dict(self._nodes), _Children(self._children), set(self._doubled)
        for number, layer in enumerate(layers[len(self.layers) :], len(self.layers)):
            if _merge(nodes, children, number, index.entries(layer, cache)):
                doubled.add(number)
        return type(self)(list(layers), nodes, children.names, frozenset(doubled))

    def get(self, path: str, *, follow: bool = True) -> Node | None:
        """What is at `path`, or None. Symbolic links on the way are resolved inside the tree; the last if `follow`."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        at: list[str] = []
        links = 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                at = at[:-1]
                continue
            node = self._nodes.get("/".join([*at, part]))
            if node is None:
                return None
            if node.entry.kind == "symlink" and (parts or follow):
                links += 1
                if links > _MOST_LINKS:
                    return None
                if node.entry.target.startswith("/"):
                    at = []
                parts = [each for each in node.entry.target.split("/") if each not in ("", ".")] + parts
            else:
                at.append(part)
        return self._nodes.get("/".join(at))

    def list(self, path: str = "") -> list[Node]:
        """What is directly in the folder `path`, sorted by name; empty if it is no folder."""
        found = self.get(path)
        if found is None or found.entry.kind != "dir":
            return []
        return [self._nodes[path] for path in sorted(self._children.get(found.path, ()))]

    def walk(self, prefix: str = "") -> Iterator[Node]:
        """Everything at and below `prefix` (taken literally), sorted by path."""
        if self._sorted is None:
            self._sorted = sorted(self._nodes, key=lambda path: path.split("/"))
        if not prefix:
            yield from (self._nodes[path] for path in self._sorted)
            return
        if prefix in self._nodes:
            yield self._nodes[prefix]
        start = bisect_left(self._sorted, prefix.split("/"), key=lambda path: path.split("/"))
        for path in self._sorted[start:]:
            if path.startswith(prefix + "/"):
                yield self._nodes[path]
            elif path != prefix:
                return

    def files(self, number: int, wanted: Container[str]) -> Iterator[tuple[Entry, BinaryIO]]:
        """Of the files of layer `number` those whose path there is `wanted`, with their content, in their order.

        A path that stands in the layer more than once counts as it does at last; see `index.files`.
        """
        layer = self.layers[number]
        if number in self._doubled:
            yield from index.files(layer, wanted, index.entries(layer))
            return
        for entry, content in layer.entries():
            if entry.kind == "file" and entry.path in wanted:
                yield entry, content

    def read(self, path: str, limit: int = _READ_LIMIT) -> bytes:
        """The content of the file at `path`, links followed.

        Raises:
            PathNotFoundError: there is none, or it is no file.
            TooLargeError: it is larger than `limit` bytes.
        """
        for _, data in self.read_many([path], limit):
            return data
        raise PathNotFoundError(f"the image has no file /{path}", context={"path": f"/{path}"})

    def read_many(self, paths: Iterable[str], limit: int = _READ_LIMIT) -> Iterator[tuple[str, bytes]]:
        """The path and content of those of `paths` that are files, in one pass over each layer that has any.

        Raises:
            TooLargeError: a file is larger than `limit` bytes.
        """
        wanted: dict[int, dict[str, list[str]]] = {}
        for path in paths:
            node = self.get(path)
            if node is not None and node.entry.kind == "file":
                wanted.setdefault(node.layer, {}).setdefault(node.content, []).append(path)
        for number in sorted(wanted):
            yield from self._read_layer(number, wanted[number], limit)

    def _read_layer(self, number: int, wanted: Mapping[str, Sequence[str]], limit: int) -> Iterator[tuple[str, bytes]]:
        # A path may stand in a layer twice, and the last one counts; so nothing is given out before the end.
        held: dict[str, bytes] = {}
        for entry, content in self.files(number, wanted):
            if entry.size > limit:
                raise TooLargeError(f"/{entry.path} is {entry.size} bytes, more than {limit}")
            held[entry.path] = read_bounded(content, limit, entry.path)
        for stored, data in held.items():
            for path in wanted[stored]:
                yield path, data


class _Children:
    """The names in each folder, of which a view below keeps its own: a set is copied before it is changed."""

    def __init__(self, below: Mapping[str, set[str]]) -> None:
        self.names = dict(below)
        self._own: set[str] = set()

    def of(self, folder: str) -> list[str]:
        return list(self.names.get(folder, ()))

    def changed(self, folder: str) -> set[str]:
        if folder in self._own:
            return self.names[folder]
        self._own.add(folder)
        found = self.names[folder] = set(self.names.get(folder, ()))
        return found

    def drop(self, folder: str) -> None:
        self._own.discard(folder)
        self.names.pop(folder, None)


def _merge(nodes: dict[str, Node], children: _Children, number: int, entries: Sequence[Entry]) -> bool:
    """Lay one layer's entries over what is there. Whiteouts apply to what lies below, wherever they stand.

    Returns whether some path may stand in the layer more than once.
    """
    doubled = False
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name == OPAQUE:
            for child in children.of(folder):
                _remove(nodes, children, child, below=number)
        elif name.startswith(WHITEOUT):
            hidden = name.removeprefix(WHITEOUT)
            _remove(nodes, children, f"{folder}/{hidden}" if folder else hidden, below=number)
    links = Links(nodes)
    for entry in entries:
        path = entry.path
        folder, _, name = path.rpartition("/")
        if name.startswith(WHITEOUT):
            _parents(nodes, children, folder, number)  # unpacking makes the folder of a whiteout, too
            continue
        before = nodes.get(path)
        if before is not None and before.entry.kind == "dir" and entry.kind != "dir":
            for child in children.of(path):
                _remove(nodes, children, child, below=number + 1)
        _parents(nodes, children, folder, number)
        if entry.kind == "hardlink":
            if entry.target not in nodes:
                continue  # a link to nothing cannot be unpacked either
            if entry.target != path:
                doubled = links.replaced(number, path) or doubled
            nodes[path] = links.link(nodes[entry.target], entry)
        else:
            doubled = doubled or (before is not None and before.layer == number and entry.kind == "file")
            doubled = links.replaced(number, path) or doubled
            nodes[path] = Node(path, entry, number, path)
        if path:
            children.changed(folder).add(path)
    links.settle()
    return doubled


def _parents(nodes: dict[str, Node], children: _Children, folder: str, number: int) -> None:
    while folder and (folder not in nodes or nodes[folder].entry.kind not in ("dir", "symlink")):
        nodes[folder] = Node(folder, Entry(folder, "dir", 0o755), number, folder)
        above = folder.rpartition("/")[0]
        children.changed(above).add(folder)
        folder = above


def _remove(nodes: dict[str, Node], children: _Children, path: str, *, below: int) -> None:
    node = nodes.get(path)
    if node is None or node.layer >= below:
        return
    below_it = children.of(path)
    children.drop(path)
    for child in below_it:
        _remove(nodes, children, child, below=below)
    del nodes[path]
    children.changed(path.rpartition("/")[0]).discard(path)
