"""Unpacking what strangers made."""

import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from dockyard.content.memory import Memory
from dockyard.content.store import DigestMismatchError
from dockyard.layers.apply import apply
from dockyard.layers.fault import ArchiveEscapeError, ArchiveInvalidError
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter
from making.images import layer

DIR = Entry("", "dir", 0o755)


def test_mode_time_links_and_attributes_are_kept(tmp_path: Path) -> None:
    files: dict[str, bytes | Entry] = {
        "d": Entry("", "dir", 0o2750, mtime=1000),
        "d/f": Entry("", "file", 0o4711, mtime=2000),
        "d/hard": Entry("", "hardlink", 0o4711, mtime=2000, target="d/f"),
        "d/sym": Entry("", "symlink", target="f", mtime=3000),
        "fifo": Entry("", "fifo", 0o600),
    }
    apply(layer(Memory(), files), tmp_path, whiteouts="apply")
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o2750
    assert (tmp_path / "d").stat().st_mtime == 1000
    assert stat.S_IMODE((tmp_path / "d/f").stat().st_mode) == 0o4711
    assert (tmp_path / "d/hard").stat().st_ino == (tmp_path / "d/f").stat().st_ino
    assert os.readlink(tmp_path / "d/sym") == "f"
    assert (tmp_path / "d/sym").lstat().st_mtime == 3000
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_a_hard_link_says_what_its_file_is_like_and_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    files: dict[str, bytes | Entry] = {
        "f": Entry("", "file", 0o600, mtime=1000),
        "one": Entry("", "hardlink", 0o4755, mtime=2000, target="f"),
        "two": Entry("", "hardlink", 0o640, mtime=3000, target="one"),
        "real": Entry("", "file", 0o600, mtime=1000),
        "sym": Entry("", "symlink", target="real", mtime=1000),
        "again": Entry("", "hardlink", 0o777, mtime=2000, target="sym"),
    }
    made = layer(Memory(), files)
    apply(made, tmp_path, whiteouts="apply")
    assert [
        (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime) for path in (tmp_path / "f", tmp_path / "two")
    ] == [(0o640, 3000)] * 2
    assert (tmp_path / "again").lstat().st_mtime == 2000
    assert (stat.S_IMODE((tmp_path / "real").stat().st_mode), (tmp_path / "real").stat().st_mtime) == (0o600, 1000)
    entries = [node.entry for node in FileTree.of([made]).walk() if node.path in ("f", "one", "two")]
    assert [(entry.mode, entry.mtime) for entry in entries] == [(0o640, 3000)] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        bytes(1 << 18),
        bytes(3 << 20),
        bytes(1 << 20) + b"end",
        b"begin" + bytes(1 << 20),
        bytes(1 << 18) + b"x" * (1 << 18) + bytes(1 << 18),
        bytes((1 << 20) + 1),
        os.urandom(1 << 19),
    ],
)
def test_zeros_become_holes_and_every_byte_is_as_it_was(tmp_path: Path, content: bytes) -> None:
    apply(layer(Memory(), {"file": content}), tmp_path, whiteouts="apply")
    assert (tmp_path / "file").read_bytes() == content
    if len(content) >= 3 << 20:
        assert (tmp_path / "file").stat().st_blocks * 512 < len(content) // 2


def test_a_member_written_through_a_link_is_refused_and_nothing_lands_outside(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    files: dict[str, bytes | Entry] = {"link": Entry("", "symlink", target=str(outside)), "link/evil": b"x"}
    with pytest.raises(ArchiveEscapeError):
        apply(layer(Memory(), files), root, whiteouts="apply")
    assert list(outside.iterdir()) == []


def test_a_hard_link_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveInvalidError):
        apply(layer(Memory(), {"x": Entry("", "hardlink", target="nothing")}), tmp_path, whiteouts="apply")


def test_a_whiteout_does_not_follow_a_link(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "precious").write_text("x")
    root.mkdir()
    (root / "link").symlink_to(outside)
    apply(layer(Memory(), {".wh.link": b""}), root, whiteouts="apply")
    assert not (root / "link").is_symlink()
    assert (outside / "precious").exists()


def test_a_file_replaces_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    store = Memory()
    apply(layer(store, {"a/b": b"1", "c": b"1"}), tmp_path, whiteouts="apply")
    apply(layer(store, {"a": b"2", "c": DIR, "c/d": b"2"}), tmp_path, whiteouts="apply")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert (tmp_path / "c/d").read_bytes() == b"2"


def test_a_tampered_layer_is_refused(tmp_path: Path) -> None:
    store = Memory()
    made = layer(store, {"a": b"1"}, compression="none")
    data = bytearray(store.blobs[made.descriptor.digest])
    data[600] ^= 1
    store.blobs[made.descriptor.digest] = bytes(data)
    with pytest.raises(DigestMismatchError):
        apply(made, tmp_path, whiteouts="apply")


def test_a_damaged_compressed_layer_is_named_by_its_digest(tmp_path: Path) -> None:
    store = Memory()
    made = layer(store, {"a": bytes(range(256)) * 100})
    data = bytearray(store.blobs[made.descriptor.digest])
    data[len(data) // 2] ^= 0xFF
    store.blobs[made.descriptor.digest] = bytes(data)
    with pytest.raises(DigestMismatchError, match=made.descriptor.digest.hex):
        apply(made, tmp_path, whiteouts="apply")


def test_members_back_and_forth_in_folders_nested_deeper_than_handles_are_kept_open(tmp_path: Path) -> None:
    deep = "/".join(f"d{number}" for number in range(150))
    files: dict[str, bytes | Entry] = {
        f"{deep}/one": b"1",
        "top": b"2",
        f"{deep}/two": b"3",
        f"{deep.rpartition('/')[0]}/three": b"4",
        f"{deep}x/four": b"5",
        "d0/d1/five": b"6",
    }
    before = len(os.listdir("/proc/self/fd"))
    apply(layer(Memory(), files), tmp_path, whiteouts="apply")
    assert {path: (tmp_path / path).read_bytes() for path in files} == files
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_was_just_gone_into_may_become_a_file_or_link(tmp_path: Path) -> None:
    store = Memory()
    first: dict[str, bytes | Entry] = {
        "a/b/c": b"1",
        "a/b": Entry("", "symlink", target="/"),
        "a/d/e": b"2",
        "a": b"3",
        "f/g": b"4",
    }
    apply(layer(store, first), tmp_path, whiteouts="apply")
    assert (tmp_path / "a").read_bytes() == b"3"
    assert (tmp_path / "f/g").read_bytes() == b"4"
    escaping: dict[str, bytes | Entry] = {"x/y": b"1", "x": Entry("", "symlink", target="/"), "x/z": b"2"}
    with pytest.raises(ArchiveEscapeError):
        apply(layer(store, escaping), tmp_path, whiteouts="apply")


def test_a_file_has_mode_owner_and_time_of_its_member_where_it_takes_the_place_of_another(tmp_path: Path) -> None:
    store = Memory()
    apply(layer(store, {"a": b"1"}), tmp_path, whiteouts="apply")
    again = Entry("", "file", 0o4750, os.geteuid(), os.getegid(), size=1, mtime=1_000_000_000)
    with LayerWriter(store) as writer:
        writer.add(replace(again, path="a"), b"2")
        made = writer.commit()
    apply(made, tmp_path, whiteouts="apply")
    found = (tmp_path / "a").stat()
    assert (found.st_mode & 0o7777, found.st_mtime, (tmp_path / "a").read_bytes()) == (0o4750, 1_000_000_000, b"2")
