"""Archives made to mislead: each is refused, or becomes a layer that can be unpacked and says what the archive said.

`pytest --hypothesis-profile=fuzz -k fuzz` goes on for as long as it is let; what it found stands in the examples.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockyard.build.copy.archived import Named, RelinkedError
from dockyard.build.copy.copy import Copier, Order, Out, write
from dockyard.build.copy.destination import Destination
from dockyard.build.sources.source import Files, Item
from dockyard.content.memory import Memory
from dockyard.dockerfile.parser import parse
from dockyard.errors import Error
from dockyard.layers.apply import UnpackError, apply
from dockyard.layers.header import header
from dockyard.layers.layer import Layer
from dockyard.layers.members import members
from dockyard.layers.tar import END, Entry, padding
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter

SECONDS = 20.0
NODE = parse("FROM a\nADD x /\n").nodes[1]
NAMES = b"a b a/b a/b/c ./a a/ / . .. ../x a/../b /abs .wh.a .wh..wh..opq .wh. .wh... a/.wh.b \xff\xfe x//y".split(b" ")
LONG = [b"n" * 99, b"n" * 100, b"n" * 101, b"n" * 256, b"l/" * 80 + b"e", b"l/" * 2100, b""]
FLAGS = [
    b"0",
    b"0",
    b"\0",
    b"1",
    b"1",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"5",
    b"6",
    b"7",
    b"S",
    b"x",
    b"g",
    b"L",
    b"K",
    b"D",
    b"Z",
]
NUMBERS = [0, 1, 5, 511, 512, 0o777, 0o7777, 2**21 - 1, 2**31, 2**33 - 1]
SPARSE = [
    {b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"2000", b"GNU.sparse.name": b"s"},
    {b"GNU.sparse.map": b"0,5,1000,7", b"GNU.sparse.size": b"1200"},
    {b"GNU.sparse.size": b"99999999999999"},
    {b"GNU.sparse.map": b"10,5,3,7", b"GNU.sparse.size": b"1200"},
]

sane = st.sampled_from([0, 1, 0o755, 0o644, 0o777]).map(lambda value: b"%o" % value)
number = st.one_of(
    *[sane] * 20,
    st.sampled_from(NUMBERS).map(lambda value: b"%o" % value),
    st.sampled_from([b"\x80" + bytes(6) + b"\x07", b"\xff" * 8, b"\x80" + b"\x7f" * 7, b"8", b" 7 ", b"-1", b"\x80"]),
)
name = st.one_of(*[st.sampled_from(NAMES)] * 4, st.sampled_from(LONG), st.binary(min_size=1, max_size=4))
record = st.tuples(
    st.sampled_from(
        [
            "path",
            "linkpath",
            "size",
            "uid",
            "gid",
            "mtime",
            "SCHILY.xattr.user.a",
            "SCHILY.xattr.trusted.overlay.opaque",
            "comment",
        ]
    ).map(str.encode),
    st.one_of(name, st.sampled_from([b"1", b"-1", b"1.5", b"1e9", b"nan", b"9" * 25, b"4294967295", b"1_0", b"inf."])),
)
records = st.one_of(
    st.lists(record, max_size=3).map(dict), st.sampled_from(SPARSE), st.lists(record, max_size=1).map(dict)
)


def block(name: bytes, flag: bytes, size: bytes, rest: tuple[bytes, ...], link: bytes, old: bytes) -> bytes:
    mode, uid, gid, mtime, major, minor = rest
    head = name[:100].ljust(100, b"\0") + mode[:8].ljust(8, b"\0") + uid[:8].ljust(8, b"\0") + gid[:8].ljust(8, b"\0")
    head += size[:12].ljust(12, b"\0") + mtime[:12].ljust(12, b"\0") + b" " * 8 + flag + link[:100].ljust(100, b"\0")
    tail = (b"ustar\x0000" + bytes(64) + major[:8].ljust(8, b"\0") + minor[:8].ljust(8, b"\0")).ljust(255, b"\0")
    whole = bytearray((head + tail)[:512].ljust(512, b"\0"))
    if flag == b"S":
        whole[386 : 386 + len(old)] = old
    whole[148:156] = b"%06o\0 " % sum(whole)
    return bytes(whole)


def pax(known: dict[bytes, bytes]) -> bytes:
    out = b""
    for key, value in known.items():
        rest = b" " + key + b"=" + value + b"\n"
        length = len(rest) + 1
        while len(b"%d" % length) + len(rest) != length:
            length += 1
        out += b"%d" % length + rest
    return out


@st.composite
def raw(draw: st.DrawFn) -> bytes:
    flag = draw(st.sampled_from(FLAGS))
    if flag in (b"x", b"g"):
        data = pax(draw(records))
    elif flag in (b"L", b"K"):
        data = draw(name) + b"\0"
    elif flag in (b"0", b"S"):
        data = draw(
            st.one_of(st.binary(max_size=40), st.sampled_from([b"2\n0\n3\n1000\n4\n".ljust(512, b"\0") + b"x" * 7]))
        )
    else:
        data = b""
    size = draw(st.one_of(*[st.just(b"%o" % len(data))] * 8, number))
    rest = tuple(draw(number) for _ in range(6))
    old = draw(st.sampled_from([b"", b"0".ljust(12, b"\0") + b"3".ljust(12, b"\0")]))
    link = draw(name if flag != b"1" else st.sampled_from([b"a", b"b", b"a/b", b"./a/b/c", b"../x", b"c"]))
    return block(draw(name), flag, size, rest, link, old) + data + bytes(-len(data) % 512)


archives = st.tuples(
    st.lists(raw(), min_size=1, max_size=7).map(b"".join),
    st.sampled_from([b"", bytes(1024), bytes(512) + b"x"]),
).map(b"".join)
PACKERS: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.ZstdCompressor().compress,
]
damage: st.SearchStrategy[list[tuple[int, int]]] = st.one_of(
    st.just([]), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=2)
)


# What comes before or after these seconds, in 1901 and 2446, is one of them there.
EXT4_FIRST, EXT4_LAST = -(1 << 31), (1 << 34) - (1 << 31) - 1


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def packed(archive: bytes, pack: Callable[[bytes], bytes], harm: list[tuple[int, int]]) -> bytes:
    data = bytearray(pack(archive))
    for at, value in harm:
        data[at % len(data)] = value
    return bytes(data)


def linked(link: bytes) -> bytes:
    """An archive with one symbolic link, as an extended header gives it."""
    octal = (b"0",) * 6
    data = pax({b"linkpath": link}) if link else b""
    first = block(b"x", b"x", b"%o" % len(data), octal, b"", b"") + data + bytes(-len(data) % 512) if data else b""
    return first + block(b"a", b"2", b"0", octal, b"", b"")


@settings(deadline=None)
@given(archives, st.sampled_from(PACKERS), damage)
@example(linked(b""), bytes, [])
@example(linked(b"to\0"), bytes, [])
def test_fuzzed_archives_are_refused_or_unpack_as_they_say(
    place: Path, archive: bytes, pack: Callable[[bytes], bytes], harm: list[tuple[int, int]]
) -> None:
    began = time.process_time()
    path = place / "archive"
    path.write_bytes(packed(archive, pack, harm))
    store = Memory()
    item = Item("archive", "archive", "file", 0o644, size=path.stat().st_size, handle=str(path))
    try:
        try:
            layer = added(item, store, {})
        except RelinkedError as again:
            layer = added(item, store, again.headers)
    except Error as error:
        str(error).encode("utf-8", "surrogateescape")
        assert time.process_time() - began < SECONDS
        return
    unpacks(layer, place / "unpacked")
    assert time.process_time() - began < SECONDS


def added(item: Item, store: Memory, headers: dict[Named, Entry]) -> Layer:
    copier = Copier(Order(NODE, "/d/", unpack=True), Destination(None), headers)
    with LayerWriter(store) as writer:
        write(copier.plan(item, Files(item)), Files(item), Out(writer))
        return writer.commit()


def unpacks(layer: Layer, folder: Path) -> None:
    """Whatever was accepted can be unpacked, into exactly what the merged view says, and nowhere else."""
    folder.mkdir()
    try:
        with contextlib.suppress(UnpackError) if os.geteuid() else contextlib.nullcontext():  # devices need root
            apply(layer, folder, whiteouts="apply")
        there = {str(each.relative_to(folder)) for each in folder.rglob("*")}
        nodes = [node for node in FileTree.of([layer]).walk() if node.path]
        assert os.geteuid() or there == {node.path for node in nodes}
        for entry in (node.entry for node in nodes if node.entry.kind == "file" and not os.geteuid()):
            found = os.lstat(folder / entry.path)
            assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (entry.mode, entry.uid, entry.gid)
            assert int(found.st_mtime) in (entry.mtime, max(EXT4_FIRST, min(entry.mtime, EXT4_LAST))), entry.path
    finally:
        shutil.rmtree(folder)


@given(archives, damage)
@example(b"", [])
def test_fuzzed_members_read_again_as_they_were_written(archive: bytes, harm: list[tuple[int, int]]) -> None:
    try:
        found = [
            (entry, content.read()) for entry, content in members(io.BytesIO(packed(archive or b"x", bytes, harm)))
        ]
    except Error:
        return
    again = b"".join(header(entry) + data + padding(len(data)) for entry, data in found) + END
    assert [(entry, content.read()) for entry, content in members(io.BytesIO(again))] == found
