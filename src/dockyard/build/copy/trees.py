"""The merged tree of an image or a stage as a source of COPY --from."""

import os
import re
from collections.abc import Iterable, Sequence

import msgspec

from dockyard.build.fault import SourceMissingError, place
from dockyard.build.sources.source import WILD, Contents, Item, hashed
from dockyard.build.state import State
from dockyard.dockerfile.ignore import IgnoreRules, expression
from dockyard.dockerfile.node import Node
from dockyard.layers.links import Node as TreeNode
from dockyard.layers.tree import FileTree


def digests(nodes: Iterable[TreeNode], tree: FileTree) -> dict[str, str]:
    """The SHA-256 of files of `tree` by their paths, in hexadecimal digits; each layer is read once."""
    wanted: dict[int, dict[str, list[str]]] = {}
    for node in nodes:
        wanted.setdefault(node.layer, {}).setdefault(node.content, []).append(node.path)
    found: dict[str, str] = {}
    for number in sorted(wanted):
        for entry, content in tree.files(number, wanted[number]):
            found.update(dict.fromkeys(wanted[number][entry.path], hashed(content)))
    return found


class TreeSource:
    """Items of `tree`; their content is read layer by layer by whoever copies (`copy.write_tree`)."""

    def __init__(self, state: State) -> None:
        self.tree, self._stirred, self._joined = state.tree, state.stirred, state.joined

    def find(self, pattern: str, node: Node) -> list[Item]:
        """What `pattern` names; see `source.Source`.

        Raises:
            SourceMissingError: nothing has that name, or it is a link to nothing.
        """
        path = os.path.normpath("/" + pattern.lstrip("/"))[1:]
        if not WILD.search(path):
            found = self.tree.get(path)
            if found is None:
                raise SourceMissingError(f"{pattern!r} is not in what --from names", context=place(node))
            return [self._item(found, path.rpartition("/")[2])]
        root = self.tree.get("")
        nodes = [root] if root is not None else []
        fixed = True
        for part in path.split("/"):
            if fixed and not WILD.search(part):
                nodes = [each for each in (self.tree.get(f"{node_.path}/{part}") for node_ in nodes) if each]
                continue
            if fixed and not nodes:
                raise SourceMissingError(f"the folder of {pattern!r} is not in what --from names", context=place(node))
            # Links before the first wildcard are followed, later ones are not.
            folders = [each for each in nodes if fixed or each.entry.kind == "dir"]
            fixed = False
            matcher = re.compile(expression(part), re.DOTALL)
            nodes = [
                child for each in folders for child in self.tree.list(each.path) if matcher.match(_last(child.path))
            ]
        items = []
        for each in nodes:
            followed = self.tree.get(each.path)
            if followed is None:
                raise SourceMissingError(f"{each.path!r} is a link to nothing", context=place(node))
            items.append(self._item(followed, _last(each.path)))
        return items

    def has(self, path: str) -> bool:
        """Whether something is at `path` itself, with no link followed on the way."""
        found = self.tree.get(path, follow=False)
        return found is not None and found.path == path

    def children(self, item: Item) -> Iterable[Item]:
        """What is directly in a folder."""
        return [self._item(each, _last(each.path)) for each in self.tree.list(item.path)]

    def _item(self, node: TreeNode, name: str) -> Item:
        entry = node.entry
        layers, seconds = self._stirred.get(node.path, (0, 0)) if entry.kind == "dir" else (0, 0)
        link: tuple[int, str] | None = None
        if entry.kind == "file":
            count, first = self._joined.get(node.path, (0, ""))
            link = (-count, first) if node.layer < count else (node.layer, node.content)
        return Item(
            name,
            node.path,
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            seconds if node.layer < layers else entry.mtime,
            entry.target,
            entry.major,
            entry.minor,
            entry.xattrs,
            link,
            node,
        )


Held = TreeSource | Contents


class Taken(msgspec.Struct, frozen=True):
    """What one source gives: items of `source`, below a folder those that `includes` match."""

    source: Held
    items: Sequence[Item]
    includes: IgnoreRules | None = None
    unpack: bool = False


def _last(path: str) -> str:
    return path.rpartition("/")[2]
