"""Merging layers: over any base, the merged one gives the same files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockyard.content.memory import Memory
from dockyard.layers.layer import Layer
from dockyard.layers.merge import merge
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter

NAMES = ["a", "b", "a/c", "a/d", "b/c", "a/c/e"]
member = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["file", "dir", "symlink", "whiteout", "opaque"]), st.binary(max_size=3)
)


def layer(store: Memory, members: list[tuple[str, str, bytes]]) -> Layer:
    """A sound layer: every path once, nothing below what is no folder."""
    entries: dict[str, tuple[Entry, bytes | None]] = {}
    for path, kind, data in members:
        folder, _, name = path.rpartition("/")
        if kind == "whiteout":
            gone = f"{folder}/.wh.{name}".lstrip("/")
            entries[gone] = (Entry(gone), None)
        elif kind == "opaque":
            entries[path] = (Entry(path, "dir", 0o755), None)
            entries[f"{path}/.wh..wh..opq"] = (Entry(f"{path}/.wh..wh..opq"), None)
        elif kind == "file":
            entries[path] = (Entry(path, size=len(data)), data)
        elif kind == "dir":
            entries[path] = (Entry(path, "dir", 0o700), None)
        else:
            entries[path] = (Entry(path, "symlink", 0o777, target="x"), None)
    for path in list(entries):
        parts = path.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if above not in entries or entries[above][0].kind != "dir":
                entries[above] = (Entry(above, "dir", 0o700), None)
    with LayerWriter(store) as writer:
        for path in sorted(entries, key=lambda each: each.split("/")):
            hidden = path.replace(".wh.", "") in entries and ".wh." in path and "opq" not in path
            if not hidden:
                writer.add(*entries[path])
        return writer.commit()


def seen(layers: list[Layer]) -> dict[str, tuple[str, int, bytes]]:
    tree = FileTree.of(layers)
    found: dict[str, tuple[str, int, bytes]] = {}
    for node in tree.walk():
        data = tree.read(node.path) if node.entry.kind == "file" else node.entry.target.encode()
        found[node.path] = (node.entry.kind, node.entry.mode if node.entry.kind != "dir" else 0, data)
    return found


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(member, max_size=5), min_size=2, max_size=4), st.lists(member, max_size=6))
def test_the_merged_layer_gives_the_same_files_over_any_base(
    upper: list[list[tuple[str, str, bytes]]], below: list[tuple[str, str, bytes]]
) -> None:
    store = Memory()
    base = layer(store, below)
    layers = [layer(store, members) for members in upper]
    with LayerWriter(store) as writer:
        merge(layers, writer)
        merged = writer.commit()
    assert seen([base, merged]) == seen([base, *layers])


def test_hard_links_stay_and_follow_their_file() -> None:
    store = Memory()
    with LayerWriter(store) as writer:
        writer.add(Entry("a", size=1), b"1")
        writer.add(Entry("b", "hardlink", target="a"))
        first = writer.commit()
    with LayerWriter(store) as writer:
        writer.add(Entry("a", size=1), b"2")
        second = writer.commit()
    with LayerWriter(store) as writer:
        merge([first, second], writer)
        merged = writer.commit()
    tree = FileTree.of([merged])
    assert (tree.read("a"), tree.read("b")) == (b"2", b"1")


def test_what_a_hard_link_says_of_its_file_holds_for_all_names_once_merged() -> None:
    store = Memory()
    with LayerWriter(store) as writer:
        writer.add(Entry("a", mode=0o600, size=1, mtime=1), b"x")
        writer.add(Entry("b", "hardlink", 0o4755, 5, 6, mtime=2, target="a"))
        below = writer.commit()
    with LayerWriter(store) as writer:
        merge([below, layer(store, [("c", "file", b"")])], writer)
        made = writer.commit()
    found = {node.path: node.entry for node in FileTree.of([made]).walk()}
    assert {(found[path].mode, found[path].uid, found[path].gid, found[path].mtime) for path in "ab"} == {
        (0o4755, 5, 6, 2)
    }
