"""Files that are the very same where a copy would put them: as with BuildKit, no layer tells of them again."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from dockyard.build.copy.copy import Copier, facts
from dockyard.build.copy.trees import Held, Taken, TreeSource, digests
from dockyard.build.sources.source import Item, digest
from dockyard.build.tools import ATTRIBUTES
from dockyard.layers.links import Node
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from dockyard.layers.write import kept


def identical(copier: Copier, taken: Sequence[Taken], tree: FileTree | None, epoch: int | None) -> frozenset[str]:
    """The paths at which `tree`, the image so far, has what `copier` would write there.

    Contents are read only of files whose headers are the same, each layer once.

    Raises:
        FileChangedError: a file was changed while it was read.
    """
    if tree is None:
        return frozenset()
    found: set[str] = set()
    met: set[str] = set()
    twice: set[str] = set()
    for each in taken:
        pairs: dict[str, tuple[Node, Item]] = {}
        for item in each.items:
            for node, child in _there(copier.at(item), item, each.source, tree):
                if node.path in met:
                    twice.add(node.path)
                met.add(node.path)
                if not _said(node.entry, copier.header(child, node.path), epoch):
                    continue
                if child.kind == "file" and child.size and not _shared(node, tree, child, each.source):
                    pairs[node.path] = (node, child)
                else:
                    found.add(node.path)
        if pairs:
            here = digests([node for node, _ in pairs.values()], tree)
            wanted = _digests([child for _, child in pairs.values()], each.source)
            found.update(path for path, (node, child) in pairs.items() if here[node.path] == wanted[child.path])
    return frozenset(found - twice)


def _there(at: str, item: Item, source: Held, tree: FileTree) -> Iterator[tuple[Node, Item]]:
    """What is no folder in `item` and has something at its place in the image; only folders that both have are read."""
    stack = [(at, item)]
    while stack:
        at, item = stack.pop()
        node = tree.get(at, follow=False)
        if node is None or node.path != at:
            continue
        if item.kind != "dir":
            yield node, item
        elif names := {each.path.rpartition("/")[2] for each in tree.list(at)}:
            children = (child for child in source.children(item) if child.name in names)
            stack += [(f"{at}/{child.name}" if at else child.name, child) for child in children]


def _said(entry: Entry, header: Entry, epoch: int | None) -> bool:
    """Whether a file's header is what another would be in a layer."""
    if entry.mtime != (header.mtime if epoch is None else min(header.mtime, epoch)):
        return False
    if entry.kind == "symlink":  # whatever an archive says: the kernel knows no other mode
        entry = replace(entry, mode=header.mode)
    one, two = (facts(replace(each, xattrs=kept(each.xattrs, ATTRIBUTES))) for each in (entry, header))
    return one == two


def _shared(node: Node, tree: FileTree, item: Item, source: Held) -> bool:
    """Whether both are the same file of the same layer."""
    if not isinstance(source, TreeSource):
        return False
    other: Node = item.handle
    same = tree.layers[node.layer].diff_id == source.tree.layers[other.layer].diff_id
    return same and node.content == other.content


def _digests(items: Iterable[Item], source: Held) -> dict[str, str]:
    if isinstance(source, TreeSource):
        return digests((item.handle for item in items), source.tree)
    return {item.path: digest(item, source) for item in items}
