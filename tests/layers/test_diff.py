"""The upper folder of an overlay as a layer."""

import os
import shutil
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.apply import apply
from dockyard.layers.diff import Left, diff
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


def test_a_folder_made_anew_is_told_by_what_is_other_in_it(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    store, lower, upper = Layout(tmp_path / "store", create=True), tmp_path / "lower", tmp_path / "upper"
    base = layer(store, {"d/e/f": b"same", "d/e": Entry("", "dir"), "d/g": b"gone", "d/h/i": b"gone", "d/j": b"old"})
    for place in (lower, upper):
        place.mkdir()
        apply(base, place, whiteouts="apply")
    os.setxattr(upper / "d", "trusted.overlay.opaque", b"y")
    (upper / "d" / "g").unlink()
    shutil.rmtree(upper / "d" / "h")
    (upper / "d" / "j").write_bytes(b"new")
    os.utime(upper / "d" / "e", (5, 5))
    left = Left()
    with LayerWriter(store) as writer:
        diff(upper, writer, lower=FileTree.of([base]), folders=[lower], left=left)
        made = writer.commit()
    assert [entry.path for entry, _ in made.entries()] == ["d", "d/.wh.g", "d/.wh.h", "d/j"]
    assert left.opened
    assert list(left.paths) == ["d/e", "d/e/f"]
    assert left.unsaid().times == {"d/e": 5}


def test_names_of_one_file_of_which_the_layer_tells_only_some_are_told_beside_it(tmp_path: Path) -> None:
    store, lower, upper = Layout(tmp_path / "store", create=True), tmp_path / "lower", tmp_path / "upper"
    base = layer(store, {"a": Entry("", mtime=9), "b": Entry("", mtime=9)})
    for place in (lower, upper):
        place.mkdir()
        apply(base, place, whiteouts="apply", ids="single")
    os.link(upper / "a", upper / "c")
    left = Left()
    with LayerWriter(store) as writer:
        diff(upper, writer, lower=FileTree.of([base]), folders=[lower], ids="single", left=left)
        made = writer.commit()
    assert [(entry.path, entry.kind) for entry, _ in made.entries()] == [("c", "file")]
    assert left.unsaid().names == (("a", "c"),)


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
