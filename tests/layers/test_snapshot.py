"""Changes of a folder found by comparing stat's answers."""

import os
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.apply import apply
from dockyard.layers.layer import Layer
from dockyard.layers.snapshot import changes, snapshot
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter

UID, GID = os.geteuid(), os.getegid()


@pytest.fixture
def store(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "store", create=True)


@pytest.fixture
def base(store: Layout) -> Layer:
    import io

    with LayerWriter(store) as writer:
        for path in ("d", "d/e", "gone", "same"):
            writer.add(Entry(path, "dir", 0o755, UID, GID, mtime=5))
        for path in ("d/e/f", "d/g", "gone/x", "gone/y", "same/file"):
            writer.add(Entry(path, "file", 0o644, UID, GID, 3, mtime=5), io.BytesIO(b"old"))
        return writer.commit()


def changed(store: Layout, base: Layer, root: Path, *, ignored: tuple[str, ...] = ()) -> dict[str, Entry]:
    """What the layer of the changes holds, after the function that makes them."""
    with LayerWriter(store) as writer:
        changes(BEFORE[root], root, writer, lower=FileTree.of([base]), ignored=ignored, ids="all")
        layer = writer.commit()
    return {entry.path: entry for entry, _ in layer.entries()}


BEFORE: dict[Path, dict[str, tuple[int, ...]]] = {}


@pytest.fixture
def root(tmp_path: Path, base: Layer) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    apply(base, root, whiteouts="apply")
    BEFORE[root] = snapshot(root)
    return root


def test_nothing_changed_is_an_empty_layer(store: Layout, base: Layer, root: Path) -> None:
    assert (root / "same" / "file").read_bytes() == b"old"
    assert changed(store, base, root) == {}


def test_a_file_with_its_old_size_and_time_is_seen_all_the_same(store: Layout, base: Layer, root: Path) -> None:
    (root / "same" / "file").write_bytes(b"new")
    os.utime(root / "same" / "file", (5, 5))
    assert list(changed(store, base, root)) == ["same", "same/file"]


def test_what_is_new_and_what_is_deleted(store: Layout, base: Layer, root: Path) -> None:
    (root / "d" / "new").symlink_to("g")
    (root / "d" / "e" / "f").unlink()
    for path in ("gone/x", "gone/y"):
        (root / path).unlink()
    (root / "gone").rmdir()
    found = changed(store, base, root)
    assert list(found) == ["d", "d/e", "d/e/.wh.f", "d/new", ".wh.gone"]
    assert found["d/new"].kind == "symlink"
    assert found["d"].mtime == int((root / "d").stat().st_mtime)


def test_a_folder_becomes_a_file_and_a_file_a_folder(store: Layout, base: Layer, root: Path) -> None:
    (root / "d" / "e" / "f").unlink()
    (root / "d" / "e").rmdir()
    (root / "d" / "e").write_bytes(b"file")
    (root / "d" / "g").unlink()
    (root / "d" / "g").mkdir()
    found = changed(store, base, root)
    assert {path: entry.kind for path, entry in found.items()} == {"d": "dir", "d/e": "file", "d/g": "dir"}


def test_modes_of_folders_count_and_times_alone_do_not(store: Layout, base: Layer, root: Path) -> None:
    (root / "d" / "e").chmod(0o700)
    os.utime(root / "same")
    assert list(changed(store, base, root)) == ["d", "d/e"]


def test_what_is_ignored_and_below_does_not_count(store: Layout, base: Layer, root: Path) -> None:
    (root / "d" / "g").unlink()
    (root / "d" / "e" / "new").write_bytes(b"x")
    (root / "same" / "file").write_bytes(b"changed")
    assert list(changed(store, base, root, ignored=("/d",))) == ["same", "same/file"]


def test_links_to_one_file_stay_links(store: Layout, base: Layer, root: Path) -> None:
    os.link(root / "same" / "file", root / "same" / "link")
    found = changed(store, base, root)
    assert found["same/file"].kind == "file"
    assert (found["same/link"].kind, found["same/link"].target) == ("hardlink", "same/file")
