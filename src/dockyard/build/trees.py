"""The merged tree of an image or a stage as a source of COPY --from."""

import os
import re
from collections.abc import Iterable
from typing import BinaryIO

from dockyard.build.fault import SourceMissingError, place
from dockyard.build.source import WILD, Item
from dockyard.dockerfile.ignore import expression
from dockyard.dockerfile.node import Node
from dockyard.layers.tree import FileTree
from dockyard.layers.tree import Node as TreeNode


class TreeSource:
    """Items of `tree`; their content is read layer by layer by whoever copies, so `content` is never asked for."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def find(self, pattern: str, node: Node) -> list[Item]:
        """What `pattern` names; see `source.Source`."""
        path = os.path.normpath("/" + pattern.lstrip("/"))[1:]
        if not WILD.search(path):
            found = self._tree.get(path)
            if found is None:
                raise SourceMissingError(f"{pattern!r} is not in what --from names", context=place(node))
            return [_item(found, path.rpartition("/")[2])]
        root = self._tree.get("")
        nodes = [root] if root is not None else []
        fixed = True
        for part in path.split("/"):
            if fixed and not WILD.search(part):
                nodes = [each for each in (self._tree.get(f"{node_.path}/{part}") for node_ in nodes) if each]
                continue
            if fixed and not nodes:
                raise SourceMissingError(f"the folder of {pattern!r} is not in what --from names", context=place(node))
            fixed = False
            matcher = re.compile(expression(part), re.DOTALL)
            nodes = [each for node_ in nodes for each in self._tree.list(node_.path) if matcher.match(_last(each.path))]
        items = []
        for each in nodes:
            followed = self._tree.get(each.path)
            if followed is None:
                raise SourceMissingError(f"{each.path!r} is a link to nothing", context=place(node))
            items.append(_item(followed, _last(each.path)))
        return items

    def has(self, path: str) -> bool:
        """Whether something is at `path` itself, with no link followed on the way."""
        found = self._tree.get(path, follow=False)
        return found is not None and found.path == path

    def children(self, item: Item) -> Iterable[Item]:
        """What is directly in a folder."""
        return [_item(each, _last(each.path)) for each in self._tree.list(item.path)]

    def content(self, item: Item) -> bytes | BinaryIO:
        """Not by item: see `copy.write_tree`."""
        raise NotImplementedError


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _item(node: TreeNode, name: str) -> Item:
    entry = node.entry
    link = (node.layer, node.content) if entry.kind == "file" else None
    return Item(
        name,
        node.path,
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.mtime,
        entry.target,
        entry.major,
        entry.minor,
        entry.xattrs,
        link,
        node,
    )
