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
