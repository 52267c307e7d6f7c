"""The names of one file: what is said of it last, by whichever of them, holds for all.

Whoever unpacks an image gives the header of a hard link to the file (containerd, Docker). Owner and mode, as they do:
setting the owner takes a capability away, so it stays only where the link's header has it again.
"""

import msgspec
from msgspec.structs import replace

from dockyard.layers.tar import Entry

_CAPABILITY = "security.capability"  # the kernel drops it from a file that is given an owner


class Node(msgspec.Struct, frozen=True, gc=False):
    """What is at `path`, and which layer (from 0, the lowest) brought it. A hard link shows its file's header."""

    path: str
    entry: Entry
    layer: int
    content: str
    """The path in that layer under which the bytes lie when all of it is unpacked."""


def linked(file: Entry, link: Entry) -> Entry:
    """The header of `file` after `link`, a hard link to it, was unpacked, at the path of that."""
    kept = {key: value for key, value in file.xattrs.items() if key != _CAPABILITY} if file.xattrs else {}
    return replace(
        file,
        path=link.path,
        mode=file.mode if file.kind == "symlink" else link.mode,
        uid=link.uid,
        gid=link.gid,
        mtime=link.mtime,
        xattrs={**kept, **link.xattrs},
    )


class Links:
    """The hard links of one layer that is laid over `nodes`, in which `settle` sets what holds at the end."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self._nodes = nodes
        self._names: dict[tuple[int, str], list[str]] = {}
        self._latest: dict[tuple[int, str], Entry] = {}

    def link(self, file: Node, link: Entry) -> Node:
        """What is at the path of `link`, another name of `file`."""
        key = (file.layer, file.content)
        before = self._latest.get(key, file.entry)
        entry = linked(before, link)
        self._names.setdefault(key, [file.path]).append(link.path)
        if replace(before, path=link.path) != entry:
            self._latest[key] = entry
        return Node(link.path, entry, file.layer, file.content)

    def replaced(self, layer: int, path: str) -> bool:
        """Something else comes to `path`: what is said of it from now on does not hold for the former's other names.

        Returns whether there are any. Their file goes by the first of them from now on.
        """
        key = (layer, path)
        if key not in self._names:
            return False
        self._settle(key)
        self._latest.pop(key, None)
        names = [each for each in self._names.pop(key) if each != path and self._is(each, key)]
        for each in names:
            self._nodes[each] = Node(each, self._nodes[each].entry, layer, names[0])
        if names:
            self._names[layer, names[0]] = names
        return bool(names)

    def settle(self) -> None:
        """Give every name of a file the header that was its last."""
        for key in self._latest:
            self._settle(key)

    def _settle(self, key: tuple[int, str]) -> None:
        latest = self._latest.get(key)
        if latest is None:
            return
        for path in self._names[key]:
            if self._is(path, key):
                self._nodes[path] = Node(path, replace(latest, path=path), *key)

    def _is(self, path: str, key: tuple[int, str]) -> bool:
        node = self._nodes.get(path)
        return node is not None and (node.layer, node.content) == key
