"""What a builder must withstand: misleading archives, odd names, and sources that change under its hands."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from dockyard.build.copy.destination import DestinationInvalidError
from dockyard.build.fault import ContextUnreadableError, SourceMissingError
from dockyard.build.sources import unpack
from dockyard.build.sources.context import Context
from dockyard.errors import FileUnusableError
from dockyard.images import rootfs
from dockyard.layers.fault import ArchiveBombError, ArchiveEscapeError, ArchiveInvalidError, ArchiveTruncatedError
from dockyard.layers.tar import Entry
from dockyard.layers.write import FileChangedError, LayerWriter
from making.builds import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def archive(*members: tuple[str, bytes, dict[str, Any]], pack: Callable[[bytes], bytes] = bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for name, content, facts in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            for key, value in facts.items():
                setattr(info, key, value)
            opened.addfile(info, io.BytesIO(content))
    return pack(buffer.getvalue())


def link(name: str, target: str) -> tuple[str, bytes, dict[str, Any]]:
    return name, b"", {"type": tarfile.LNKTYPE, "linkname": target}


def symlink(name: str, target: str) -> tuple[str, bytes, dict[str, Any]]:
    return name, b"", {"type": tarfile.SYMTYPE, "linkname": target}


def untouched(yard: Yard) -> bool:
    """Nothing was tagged, and no half-written blob is left."""
    return not yard.store.tags() and not list((yard.store.path / "ingest").glob("*"))


@pytest.mark.parametrize(
    "members",
    [
        [("../outside", b"x", {})],
        [("a/../../outside", b"x", {})],
        [("ok", b"x", {}), link("inner", "../../outside")],
        [("ok", b"x", {}), ("ok/../../../outside", b"x", {})],
    ],
)
def test_an_archive_that_escapes_is_refused(yard: Yard, members: list[tuple[str, bytes, dict[str, Any]]]) -> None:
    yard.write({"x.tar": archive(*members)})
    with pytest.raises(ArchiveEscapeError):
        yard.build("FROM scratch\nADD x.tar /d/\n")
    assert untouched(yard)
    assert not list(yard.path.rglob("outside"))


def test_links_of_an_archive_lead_no_further_than_the_folder_that_it_is_unpacked_into(yard: Yard) -> None:
    """As with BuildKit, which makes that folder its root while it unpacks."""
    way = symlink("way", "/etc")
    inside: tuple[str, bytes, dict[str, str]] = ("way/passwd", b"in the image", {})
    yard.write({"x.tar": archive(("etc/other", b"", {}), way, inside), "y.tar": archive(way, inside)})
    tree = yard.build("FROM scratch\nADD x.tar /d/\n").image.tree()
    assert tree.read("d/etc/passwd") == b"in the image"
    assert tree.get("etc") is None
    with pytest.raises(DestinationInvalidError, match="leads nowhere"):
        yard.build("FROM scratch\nADD y.tar /d/\n")
    assert Path("/etc/passwd").read_bytes() != b"in the image"


def test_hard_links_across_members(yard: Yard) -> None:
    yard.write(
        {
            "base": "of the image",
            "x.tar": archive(
                ("one", b"1", {}),
                link("two", "./one"),
                link("three", "two"),
                symlink("soft", "one"),
                link("soft2", "soft"),
                link("kept", "base"),
            ),
        }
    )
    built = yard.build("FROM scratch\nCOPY base /d/base\nADD x.tar /d/\n")
    tree = built.image.tree()
    assert [tree.read(f"d/{name}") for name in ("one", "two", "three", "soft2", "kept")] == [
        *[b"1"] * 4,
        b"of the image",
    ]
    kinds = [(entry.path, entry.kind) for entry, _ in built.image.layers[-1].entries()]
    # What lies in an earlier layer cannot be linked to: it is part of this layer, too.
    assert kinds[-2:] == [("d/base", "file"), ("d/kept", "hardlink")]
    node = tree.get("d/soft2", follow=False)
    assert node is not None
    assert node.entry.kind == "symlink"


@pytest.mark.parametrize(
    ("target", "words"), [("later", "nothing"), ("self", "nothing"), ("folder", "folder"), ("one", "itself")]
)
def test_hard_links_that_cannot_be_made_are_refused(yard: Yard, target: str, words: str) -> None:
    name = "one" if words == "itself" else "self"
    folder = ("folder", b"", {"type": tarfile.DIRTYPE})
    yard.write({"x.tar": archive(folder, ("one", b"1", {}), link(name, target), ("later", b"2", {}))})
    with pytest.raises(ArchiveInvalidError, match=words):
        yard.build("FROM scratch\nADD x.tar /d/\n")
    assert untouched(yard)


def test_a_file_of_an_archive_replaces_a_folder_with_all_that_is_in_it(yard: Yard) -> None:
    yard.write({"tree/a/b/c": "c", "x.tar": archive(("a", b"file now", {}))})
    tree = yard.build("FROM scratch\nCOPY tree /\nADD x.tar /\n").image.tree()
    assert tree.read("a") == b"file now"
    assert tree.get("a/b") is None
    yard.write({"x.tar": archive(("a", b"file now", {}), ("a/b/d", b"below it", {}))})
    with pytest.raises(DestinationInvalidError, match="/a is there"):
        yard.build("FROM scratch\nCOPY tree /\nADD x.tar /\n")


def test_of_members_with_one_name_the_last_counts_wherever_the_image_is_read(yard: Yard, tmp_path: Path) -> None:
    members: list[tuple[str, bytes, dict[str, Any]]] = [("a", b"1", {}), ("b", b"b", {}), ("a", b"22", {})]
    yard.write({"x.tar": archive(*members, symlink("c", "a"), ("c", b"c", {}), ("a", b"333", {"mode": 0o600}))})
    text = "FROM scratch AS one\nADD x.tar /d/\nFROM scratch\nCOPY --from=one /d /e/\n"
    want = {"a": b"333", "b": b"b", "c": b"c"}
    for layers in ("instruction", "squash"):
        image = yard.build(text, layers=layers).image
        tree = image.tree()
        assert {name: tree.read(f"e/{name}") for name in want} == want
    image = yard.build("FROM scratch\nADD x.tar /d/\n", layers="squash").image
    assert {name: image.tree().read(f"d/{name}") for name in want} == want
    image = yard.build("FROM scratch\nADD x.tar /d/\n").image
    rootfs.unpack(image, tmp_path / "out")
    written = io.BytesIO()
    rootfs.write({"": image}, written)
    with tarfile.open(fileobj=io.BytesIO(written.getvalue())) as opened:
        for name, content in want.items():
            member = opened.extractfile(f"d/{name}")
            assert member is not None
            assert member.read() == (tmp_path / "out" / "d" / name).read_bytes() == content
        assert opened.getmember("d/a").mode == 0o600


def test_devices_become_devices_of_the_image(yard: Yard) -> None:
    facts = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}
    yard.write({"x.tar": archive(("null", b"", facts), ("pipe", b"", {"type": tarfile.FIFOTYPE}))})
    built = yard.build("FROM scratch\nADD x.tar /dev/\n")
    found = {entry.path: (entry.kind, entry.major, entry.minor) for entry, _ in built.image.layers[-1].entries()}
    assert found["dev/null"] == ("char", 1, 3)
    assert found["dev/pipe"][0] == "fifo"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_refused_before_it_fills_the_disk(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(unpack, "most_unpacked", lambda size: 1_000_000)
    yard.write({"x.tar": archive(("zeros", bytes(5_000_000), {}), pack=pack)})
    with pytest.raises(ArchiveBombError, match="unpack"):
        yard.build("FROM scratch\nADD x.tar /\n")
    assert untouched(yard)


def test_a_bomb_that_says_what_it_is_is_refused_before_it_is_read(yard: Yard) -> None:
    """40 GB of zeros in a few kilobytes: what follows the header would be read for minutes."""
    member = tarfile.TarInfo("zeros")
    member.size = 40 << 30
    piece = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    head = zstandard.ZstdCompressor().compress(member.tobuf(tarfile.GNU_FORMAT))
    yard.write({"x.tar.zst": head + piece * 640})
    began = time.process_time()
    with pytest.raises(ArchiveBombError, match="zeros"):
        yard.build("FROM scratch\nADD x.tar.zst /\n")
    assert time.process_time() - began < 2
    assert untouched(yard)


def test_an_archive_that_asks_for_gigabytes_of_memory_is_refused(yard: Yard) -> None:
    data = bytearray(archive(("a", b"x", {}), pack=lzma.compress))
    # The header of the only block (xz file format, 3.1): size, flags, filter, its properties, which say 4 GB.
    size = (data[12] + 1) * 4
    assert data[14] == 0x21
    data[16] = 40
    data[12 + size - 4 : 12 + size] = zlib.crc32(data[12 : 12 + size - 4]).to_bytes(4, "little")
    yard.write({"x.tar.xz": bytes(data)})
    built = yard.build("FROM scratch\nADD x.tar.xz /d/\n")
    # It cannot be unpacked, so it is no archive for ADD, and copied as it is.
    assert built.image.tree().read("d/x.tar.xz") == bytes(data)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_cut_archive_is_refused(yard: Yard, pack: Callable[[bytes], bytes]) -> None:
    whole = archive(("a", os.urandom(3_000_000), {}), pack=pack)
    yard.write({"x.tar": whole[: len(whole) * 2 // 3]})
    with pytest.raises((ArchiveTruncatedError, ArchiveInvalidError)):
        yard.build("FROM scratch\nADD x.tar /d/\n")
    assert untouched(yard)


@pytest.mark.parametrize("name", ["n" * 10_000, "d/" * 5_000 + "e", "x/" + "n" * 256])
def test_names_that_no_file_system_takes_are_refused(yard: Yard, name: str) -> None:
    yard.write({"x.tar": archive((name, b"x", {}))})
    with pytest.raises(ArchiveInvalidError, match="no file system takes") as refused:
        yard.build("FROM scratch\nADD x.tar /d/\n")
    assert len(str(refused.value)) < 500
    assert untouched(yard)


@pytest.mark.parametrize(
    "line",
    [
        f"COPY file /{'n' * 10_000}",
        f"COPY file /{'d/' * 2_100}",
        f"COPY --link file /x/{'n' * 256}",
        f"WORKDIR /{'n' * 256}",
        f"COPY <<EOF /{'é' * 200}\nhello\nEOF",
        f"COPY tree /{'d/' * 2_000}",
    ],
)
def test_a_destination_that_no_file_system_takes_is_refused(yard: Yard, line: str) -> None:
    yard.write({"file": "1", f"tree/{'n' * 120}": "2"})
    with pytest.raises(FileUnusableError, match="no file system takes") as refused:
        yard.build(f"FROM scratch\n{line}\n")
    assert len(str(refused.value)) < 500
    assert untouched(yard)


def test_the_longest_names_that_there_are_arrive(yard: Yard) -> None:
    yard.write({"file": "1"})
    whole = "/".join(["n" * 255] * 15 + ["m" * 254])
    built = yard.build(f"FROM scratch\nCOPY file /{whole}\n")
    assert built.image.tree().read(whole) == b"1"


def test_a_source_whose_name_is_too_long_is_not_there(yard: Yard) -> None:
    with pytest.raises(SourceMissingError):
        yard.build(f"FROM scratch\nCOPY {'n' * 10_000} /\n")
    assert untouched(yard)


def test_a_context_deeper_than_paths_reach_is_refused(yard: Yard) -> None:
    deep = os.open(yard.context, os.O_RDONLY)
    for _ in range(50):  # 10,000 characters
        os.mkdir("n" * 200, dir_fd=deep)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    with pytest.raises(ContextUnreadableError, match="too long"):
        yard.build("FROM scratch\nCOPY . /d/\n")
    subprocess.run(["rm", "-rf", str(yard.context)], check=True)
    assert untouched(yard)


def test_a_tree_of_many_levels_is_copied(yard: Yard) -> None:
    path = yard.context
    for _ in range(1200):
        path = path / "d"
        path.mkdir()
    (path / "f").write_text("deep")
    tree = yard.build("FROM scratch\nCOPY d /\n").image.tree()
    assert any(node.path.endswith("d/f") for node in tree.walk())
    tree = yard.build("FROM scratch\nCOPY Dockerfile /d/\nCOPY d /\n").image.tree()
    assert any(node.path.endswith("d/f") for node in tree.walk())
    subprocess.run(["rm", "-rf", str(yard.context)], check=True)  # deeper than what cleans up after tests can reach


def test_names_that_are_not_utf_8_are_kept_byte_by_byte(yard: Yard, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9-\xff")
    yard.write({f"tree/{odd}": "1", "tree/newline\nand\ttab": "2", "x.tar": archive((odd, b"3", {}))})
    text = "FROM scratch AS one\nCOPY tree /t/\nFROM scratch\nADD x.tar /a/\n"
    text += "COPY --from=one /t /u/\nCOPY tree/caf* /v/\n"
    tree = yard.build(text).image.tree()
    assert tree.read(f"a/{odd}") == b"3"
    assert tree.read(f"u/{odd}") == b"1"
    assert tree.read("u/newline\nand\ttab") == b"2"
    assert tree.read(f"v/{odd}") == b"1"
    assert all(step.cached for step in yard.build(text).steps)
    (yard.context / "tree" / odd).write_text("changed")
    again = yard.build(text)
    json.dumps(again.to_json()).encode()
    assert again.image.tree().read(f"u/{odd}") == b"changed"


def test_the_command_line_shows_names_that_are_not_utf_8(yard: Yard) -> None:
    odd = os.fsdecode(b"caf\xe9-\xff")
    text = b"FROM scratch\nCOPY tree /t/\nCOPY tree/caf\xe9-\xff-missing /\n"
    yard.write({f"tree/{odd}": "1", "Dockerfile": text})
    for extra in ([], ["--json"]):
        words = [sys.executable, "-m", "dockyard.cli.main", "build", str(yard.context), *extra]
        environment = {**os.environ, "DOCKYARD_HOME": str(yard.path / "home"), "PYTHONUTF8": "1"}
        done = subprocess.run(words, env=environment, capture_output=True)
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert b"Traceback" not in said
        assert b"missing" in said


Meddle = Callable[[Path], None]


def _grown(tree: Path) -> None:
    (tree / "d" / "new").write_text("new")


def _gone(tree: Path) -> None:
    (tree / "d" / "z").unlink()


def _moved(tree: Path) -> None:
    (tree / "d" / "z").rename(tree / "a" / "z")


def _rewritten(tree: Path) -> None:
    with open(tree / "d" / "z", "r+b") as stream:
        stream.write(b"y")


def _large(tree: Path) -> None:
    with open(tree / "d" / "large", "r+b") as stream:
        stream.seek(3 << 20)
        stream.write(b"changed")


def _linked(tree: Path) -> None:
    (tree / "d" / "z").unlink()
    (tree / "d" / "z").symlink_to("/etc/passwd")


def _piped(tree: Path) -> None:
    (tree / "d" / "z").unlink()
    os.mkfifo(tree / "d" / "z")


def _retargeted(tree: Path) -> None:
    (tree / "d" / "link").unlink()
    (tree / "d" / "link").symlink_to("elsewhere")


@pytest.mark.parametrize("target", ["/app", "/there"])
@pytest.mark.parametrize("meddle", [_grown, _gone, _moved, _rewritten, _large, _linked, _piped, _retargeted])
def test_a_context_that_changes_while_it_is_read_is_read_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, meddle: Meddle, target: str
) -> None:
    yard.write({"tree/a/1": "1", "tree/b/2": "2", "tree/d/large": bytes(4 << 20), "tree/d/z": "z", "here/x": "x"})
    (yard.context / "tree" / "d" / "link").symlink_to("somewhere")
    real, put = LayerWriter.add, LayerWriter.put
    done: list[int] = []

    def add(self: LayerWriter, entry: Entry, content: Any = None) -> None:
        real(self, entry, content)
        passed(entry.path)

    def put_small(self: LayerWriter, path: str, head: bytes, content: bytes) -> None:
        put(self, path, head, content)
        passed(path)

    def passed(path: str) -> None:
        if path.endswith("a/1") and not done:
            done.append(1)
            meddle(yard.context / "tree")

    text = f"FROM scratch\nCOPY here /there/\nCOPY tree {target}\n"
    monkeypatch.setattr(LayerWriter, "add", add)
    monkeypatch.setattr(LayerWriter, "put", put_small)
    built = yard.build(text)
    assert done
    monkeypatch.setattr(LayerWriter, "add", real)
    monkeypatch.setattr(LayerWriter, "put", put)
    assert any("changed while it was read" in line for line in yard.progress.lines)
    # Neither this image nor what the cache kept is a mixture: another machine makes the same of the tree as it is now.
    again = yard.build(text)
    fresh = Yard(yard.path / "fresh")
    fresh.context = yard.context
    want = _files(fresh.build(text))
    assert _files(built) == want
    assert _files(again) == want


def _files(built: Any) -> dict[str, tuple[Any, bytes]]:
    tree = built.image.tree()
    nodes = [node for node in tree.walk() if node.path]
    contents = dict(tree.read_many([node.path for node in nodes if node.entry.kind == "file"]))
    return {node.path: ((node.entry.kind, node.entry.target), contents.get(node.path, b"")) for node in nodes}


def test_a_context_that_never_stops_changing_is_refused_and_nothing_is_kept_of_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.write({"tree/log": "line\n", "tree/z": "z"})
    real = Context.small

    def small(self: Context, path: str, row: Any) -> Any:
        with open(yard.context / "tree" / "log", "a") as stream:
            stream.write("another line\n")
        return real(self, path, row)

    monkeypatch.setattr(Context, "small", small)
    with pytest.raises(FileChangedError, match="log"):
        yard.build("FROM scratch\nCOPY tree /app\n")
    assert untouched(yard)
    monkeypatch.setattr(Context, "small", real)
    tree = yard.build("FROM scratch\nCOPY tree /app\n").image.tree()
    assert tree.read("app/log") == (yard.context / "tree" / "log").read_bytes()


def test_a_file_written_again_within_one_tick_of_the_clock_is_copied_again(yard: Yard) -> None:
    for number in range(12):
        yard.write({"tree/f": f"{number:04}"})
        tree = yard.build("FROM scratch\nCOPY tree /app\n").image.tree()
        assert tree.read("app/f") == f"{number:04}".encode()


def test_a_damaged_cache_record_is_made_again(yard: Yard) -> None:
    yard.write({"a": "1"})
    text = "FROM scratch\nCOPY a /a\n"
    digest = yard.build(text).image.layers[0].diff_id
    for number, path in enumerate((yard.data / "cache" / "steps").rglob("*")):
        if path.is_file():
            path.write_bytes([b"", b"{", b'{"created":"x","digest":"sha256:no","diff_id":"y"}'][number % 3])
    for path in (yard.data / "cache" / "segments").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xc1 nonsense")
    built = yard.build(text)
    assert built.image.layers[0].diff_id == digest


def test_the_quick_way_of_copying_gives_what_the_long_way_gives(yard: Yard) -> None:
    """A folder onto fresh ground goes the quick way; with --exclude, even of nothing, it goes the long one."""
    names = ["a", "b" * 99, "b" * 101, "c/" + "d" * 120, "é", os.fsdecode(b"\xff"), "empty", "c/x.sh", "l"]
    yard.write({f"tree/{name}": name.encode("utf-8", "surrogateescape") * 3 for name in names})
    yard.write({"tree/empty": "", "tree/large": os.urandom(3 << 20)})
    tree = yard.context / "tree"
    (tree / "c" / "x.sh").chmod(0o4755)
    os.link(tree / "a", tree / "z-hard")
    (tree / "soft").symlink_to("a")
    os.mkfifo(tree / "pipe")
    os.utime(tree / "a", (2**33, 2**33))
    with contextlib.suppress(OSError):  # not every file system has them
        os.setxattr(tree / "l", "user.note", b"kept")
    for flags in ("", "--chmod=u=rwX,go=rX", "--chmod=640 --chown=7:3000000", "--chown=5:6"):
        for epoch in (None, 1_700_000_000):
            quick, long = (
                yard.build(f"FROM scratch\nCOPY {flags} {more} tree /\n", epoch=epoch).image.layers[0]
                for more in ("", "--exclude=nothing-like-this")
            )
            assert [entry for entry, _ in quick.entries()] == [entry for entry, _ in long.entries()]
            assert [data.read() for _, data in quick.entries()] == [data.read() for _, data in long.entries()]
