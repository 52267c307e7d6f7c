"""The merged view, and that it is what unpacking gives."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockyard._internal.limits import TooLargeError
from dockyard.content.memory import Memory
from dockyard.layers.apply import apply
from dockyard.layers.fault import ArchiveEscapeError
from dockyard.layers.layer import Layer
from dockyard.layers.merge import merge
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree, PathNotFoundError
from dockyard.layers.write import LayerWriter
from making.images import layer

DIR = Entry("", "dir", 0o755)


def test_later_layers_win_and_whiteouts_hide() -> None:
    store = Memory()
    tree = FileTree.of(
        [
            layer(store, {"etc": DIR, "etc/a": b"1", "etc/b": b"1", "opt/x/y": b"1", "var/v": b"1"}),
            layer(store, {"etc/.wh.a": b"", "etc/b": b"2", "opt/x/.wh..wh..opq": b"", "opt/x/new": b"2"}),
        ]
    )
    assert [node.path for node in tree.walk()] == ["", "etc", "etc/b", "opt", "opt/x", "opt/x/new", "var", "var/v"]
    assert tree.read("etc/b") == b"2"
    assert [node.layer for node in tree.list("etc")] == [1]
    with pytest.raises(PathNotFoundError):
        tree.read("etc/a")


def test_links_are_resolved_inside_the_tree_and_never_outside() -> None:
    store = Memory()
    files: dict[str, bytes | Entry] = {
        "usr/bin/real": b"x",
        "bin": Entry("", "symlink", target="usr/bin"),
        "abs": Entry("", "symlink", target="/bin/../bin/real"),
        "up": Entry("", "symlink", target="../../../../usr/bin/real"),
        "loop": Entry("", "symlink", target="loop"),
        "hard": Entry("", "hardlink", target="usr/bin/real"),
    }
    tree = FileTree.of([layer(store, files)])
    for path in ("bin/real", "abs", "up", "/bin/real", "hard", "bin/../bin/./real"):
        assert tree.read(path) == b"x", path
    assert tree.get("loop") is None
    link = tree.get("bin", follow=False)
    assert link is not None
    assert link.entry.kind == "symlink"


def test_many_files_are_read_in_one_pass_and_within_bounds() -> None:
    store = Memory()
    tree = FileTree.of([layer(store, {"a": b"1", "b": b"22"}), layer(store, {"c": b"333"})])
    assert dict(tree.read_many(["a", "b", "c", "nothing"])) == {"a": b"1", "b": b"22", "c": b"333"}
    with pytest.raises(TooLargeError):
        tree.read("c", limit=2)


def test_the_list_of_members_is_kept_and_used(tmp_path: Path) -> None:
    store = Memory()
    made = layer(store, {"a": b"1"})
    before = [node.path for node in FileTree.of([made], cache=tmp_path).walk()]
    store.blobs.clear()
    assert [node.path for node in FileTree.of([made], cache=tmp_path).walk()] == before


names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, bytes | Entry]:
    found: dict[str, bytes | Entry] = {}
    for path in draw(st.lists(paths, max_size=5, unique=True)):
        folder, _, name = path.rpartition("/")
        lead = folder + "/" if folder else ""
        # A member below what this very layer makes a file or link is not a layer anyone writes.
        if any(path.startswith(other + "/") and found[other] is not DIR for other in found):
            continue
        if any(other.startswith(path + "/") for other in found):
            continue
        match draw(st.sampled_from(["file", "dir", "whiteout", "opaque"])):
            case "file":
                found[path] = draw(st.binary(max_size=4))
            case "dir":
                found[path] = DIR
            case "whiteout":
                found[lead + ".wh." + name] = b""
            case "opaque":
                found[path] = DIR
                found[path + "/.wh..wh..opq"] = b""
    return found


@given(st.lists(changes(), min_size=1, max_size=3))
@settings(deadline=None)
def test_the_view_is_what_unpacking_gives(
    tmp_path_factory: pytest.TempPathFactory, stack: list[dict[str, bytes | Entry]]
) -> None:
    store, target = Memory(), tmp_path_factory.mktemp("root")
    layers: list[Layer] = []
    for files in stack:
        made = layer(store, files)
        try:
            apply(made, target, whiteouts="apply")
        except ArchiveEscapeError:
            return  # a later layer goes below what an earlier one made a file
        layers.append(made)
    unpacked = {
        os.path.relpath(os.path.join(folder, name), target): name in folders
        for folder, folders, files_ in os.walk(target)
        for name in [*folders, *files_]
    }
    viewed = {node.path: node.entry.kind == "dir" for node in FileTree.of(layers).walk() if node.path}
    assert viewed == unpacked


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d"]),
            st.sampled_from(["file", "link", "symlink"]),
            st.sampled_from(["a", "b", "c", "d"]),
        ),
        max_size=12,
    )
)
def test_names_of_files_that_are_written_over_in_one_layer_part_as_they_do_when_unpacked(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, str]]
) -> None:
    store = Memory()
    there: set[str] = set()
    with LayerWriter(store) as writer:
        for number, (path, kind, target) in enumerate(members):
            if kind == "file":
                data = b"%d" % number
                writer.add(Entry(path, size=len(data)), data)
            elif kind == "symlink":
                writer.add(Entry(path, "symlink", 0o777, target="x"))
            elif target in there and target != path:
                writer.add(Entry(path, "hardlink", target=target))
            else:
                continue
            there.add(path)
        made = writer.commit()
    folder = tmp_path_factory.mktemp("unpacked")
    apply(made, folder, whiteouts="apply", ids="single")
    with LayerWriter(store) as writer:
        merge([made], writer)
        merged = writer.commit()
    for tree in (FileTree.of([made]), FileTree.of([merged])):
        files = [node for node in tree.walk() if node.entry.kind == "file"]
        assert {node.path for node in tree.walk() if node.path} == there
        assert dict(tree.read_many([node.path for node in files])) == {
            node.path: (folder / node.path).read_bytes() for node in files
        }
        for one in files:
            for two in files:
                same = os.path.samefile(folder / one.path, folder / two.path)
                assert (one.content == two.content) == same, (one, two)
