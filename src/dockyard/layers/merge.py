"""Several layers as one: the same files for whoever unpacks them, over whatever lies below."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from dockyard.layers import index
from dockyard.layers.layer import Layer
from dockyard.layers.links import Links, Node
from dockyard.layers.tar import Entry
from dockyard.layers.tree import OPAQUE, WHITEOUT
from dockyard.layers.write import LayerWriter


class _Merged(msgspec.Struct):
    """What the layers so far amount to: members by path, with the layer and path that a file's bytes are stored at."""

    nodes: dict[str, Node] = msgspec.field(default_factory=dict)
    hidden: set[str] = msgspec.field(default_factory=set)
    opaque: set[str] = msgspec.field(default_factory=set)

    def lay(self, number: int, entries: Sequence[Entry]) -> None:
        links = Links(self.nodes)
        for entry in entries:
            folder, _, name = entry.path.rpartition("/")
            if name == OPAQUE:
                self._remove_below(folder)
                self.opaque.add(folder)
            elif name.startswith(WHITEOUT):
                path = f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
                self._remove_below(path)
                self.nodes.pop(path, None)
                self.hidden.add(path)
        for entry in entries:
            if not entry.path.rpartition("/")[2].startswith(WHITEOUT):
                self._add(number, entry, links)
        links.settle()

    def _add(self, number: int, entry: Entry, links: Links) -> None:
        path = entry.path
        before = self.nodes.get(path)
        if before is not None and before.entry.kind == "dir" and entry.kind != "dir":
            self._remove_below(path)
            self.opaque.discard(path)
        if before is not None and before.entry.kind != "dir" and entry.kind == "dir":
            self.opaque.add(path)  # what was there in between hid a folder below
        if path in self.hidden:
            self.hidden.discard(path)
            if entry.kind == "dir":
                self.opaque.add(path)  # what lies below a folder of that name stays hidden
        if entry.kind == "hardlink":
            file = self.nodes.get(entry.target)
            if file is not None and file.entry.kind != "dir":
                if entry.target != path:
                    links.replaced(number, path)
                    file = self.nodes[entry.target]
                self.nodes[path] = links.link(file, entry)
                return
        links.replaced(number, path)
        self.nodes[path] = Node(path, entry, number, path)

    def _remove_below(self, folder: str) -> None:
        lead = f"{folder}/" if folder else ""
        for path in [each for each in self.nodes if each.startswith(lead) and each]:
            del self.nodes[path]
        self.hidden = {each for each in self.hidden if not each.startswith(lead)}
        self.opaque = {each for each in self.opaque if not each.startswith(lead)}


def merge(layers: Sequence[Layer], writer: LayerWriter) -> None:
    """Write what `layers`, lowest first, amount to into `writer`, not yet committed. Each is read twice at most."""
    merged = _Merged()
    known = [index.entries(layer, None) for layer in layers]
    for number, entries in enumerate(known):
        merged.lay(number, entries)
    files: dict[int, dict[str, list[Entry]]] = {}
    for path in sorted(merged.nodes, key=lambda each: each.split("/")):
        node = merged.nodes[path]
        entry = node.entry
        if entry.kind == "file":
            files.setdefault(node.layer, {}).setdefault(node.content, []).append(entry)
        elif entry.kind != "hardlink":
            writer.add(entry)
            if path in merged.opaque:
                writer.add(Entry(f"{path}/{OPAQUE}" if path else OPAQUE))
    for path in sorted(merged.hidden):
        folder, _, name = path.rpartition("/")
        writer.add(Entry(f"{folder}/{WHITEOUT}{name}" if folder else WHITEOUT + name))
    for number in sorted(files):
        wanted = files[number]
        for found, stream in index.files(layers[number], wanted, known[number]):
            for place, entry in enumerate(wanted[found.path]):
                if place == 0:
                    writer.add(replace(entry, size=found.size), stream)
                else:
                    writer.add(replace(entry, kind="hardlink", size=0, target=wanted[found.path][0].path))
    for _, node in sorted(merged.nodes.items()):
        if node.entry.kind == "hardlink":
            writer.add(node.entry)
