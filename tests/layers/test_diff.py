"""The upper folder of an overlay as a layer."""

import os
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.apply import apply
from dockyard.layers.diff import diff
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter
from making.images import layer


def test_what_lies_in_a_folder_made_anew_stays_though_the_same_was_below(tmp_path: Path) -> None:
    """A folder that is moved away and back is a new one for overlayfs: what is below it does not show through."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    store, lower, upper = Layout(tmp_path / "store", create=True), tmp_path / "lower", tmp_path / "upper"
    base = layer(store, {"d/e/f": b"same", "d/e": Entry("", "dir"), "d/g": b"same"})
    for place in (lower, upper):
        place.mkdir()
        apply(base, place, whiteouts="apply")
    tree = FileTree.of([base])
    with LayerWriter(store) as writer:
        assert diff(upper, writer, lower=tree, folders=[lower]) == 0
        os.setxattr(upper / "d", "trusted.overlay.opaque", b"y")
        diff(upper, writer, lower=tree, folders=[lower])
        made = writer.commit()
    merged = FileTree.of([base, made])
    assert {node.path for node in merged.walk() if node.path} == {"d", "d/e", "d/e/f", "d/g"}
    (upper / "d" / "g").unlink()
    with LayerWriter(store) as writer:
        diff(upper, writer, lower=tree, folders=[lower])
        made = writer.commit()
    merged = FileTree.of([base, made])
    assert {node.path for node in merged.walk() if node.path} == {"d", "d/e", "d/e/f"}


def test_a_capability_stays_with_a_file_of_several_names_through_layer_and_unpacking(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    store, upper, again = Layout(tmp_path / "store", create=True), tmp_path / "upper", tmp_path / "again"
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    for place in (upper, again):
        place.mkdir()
    (upper / "a").write_bytes(b"program")
    os.setxattr(upper / "a", "security.capability", capability)
    os.link(upper / "a", upper / "b")
    with LayerWriter(store) as writer:
        diff(upper, writer, lower=None)
        made = writer.commit()
    apply(made, again, whiteouts="apply")
    assert os.getxattr(again / "a", "security.capability") == os.getxattr(again / "b", "security.capability")
    node = FileTree.of([made]).get("a")
    assert node is not None
    assert node.entry.xattrs == {"security.capability": capability}
