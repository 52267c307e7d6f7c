"""Tar headers and members, against the standard library's reader and writer as an independent check."""

import io
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockyard.errors import Error
from dockyard.layers import tar
from dockyard.layers.fault import ArchiveEscapeError, ArchiveInvalidError, ArchiveTruncatedError
from dockyard.layers.tar import Entry, Kind

KINDS: list[Kind] = ["file", "dir", "symlink", "hardlink", "char", "block", "fifo"]
part = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: text not in (".", "..")
)
path = st.lists(part, min_size=1, max_size=5).map("/".join)
xattrs = st.dictionaries(st.sampled_from(["user.a", "security.capability"]), st.binary(max_size=20), max_size=2)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Entry, bytes]:
    kind: Kind = draw(st.sampled_from(KINDS))
    content = draw(st.binary(max_size=1500)) if kind == "file" else b""
    entry = Entry(
        draw(path),
        kind,
        draw(st.integers(0, 0o7777)),
        draw(st.integers(0, 2**31)),
        draw(st.integers(0, 2**31)),
        len(content),
        draw(st.integers(-(2**33), 2**35)),
        draw(path) if kind in ("symlink", "hardlink") else "",
        draw(st.integers(0, 255)) if kind in ("char", "block") else 0,
        draw(st.integers(0, 255)) if kind in ("char", "block") else 0,
        draw(xattrs),
    )
    return entry, content


def written(members: list[tuple[Entry, bytes]]) -> bytes:
    return b"".join(tar.header(entry) + content + tar.padding(len(content)) for entry, content in members) + tar.END


@given(st.lists(entries(), max_size=4))
def test_what_is_written_is_read_again(members: list[tuple[Entry, bytes]]) -> None:
    found = [(entry, content.read()) for entry, content in tar.read(io.BytesIO(written(members)))]
    assert found == members


@given(
    st.text("ab/._-é" + "x" * 9, min_size=1, max_size=100),
    st.integers(0, 0o7777),
    st.tuples(st.integers(0, 0o7777777), st.integers(0, 0o7777777)),
    st.integers(0, 1 << 20),
    st.integers(0, 0o77777777777),
)
def test_the_quick_header_is_the_same(name: str, mode: int, owner: tuple[int, int], size: int, mtime: int) -> None:
    if name.isascii():
        quick = tar.plain_header(name.encode(), tar.plain_owner(mode, *owner), size, mtime)
        assert quick == tar.header(Entry(name, "file", mode, *owner, size, mtime))


@given(st.lists(entries(), max_size=3))
def test_python_s_own_reader_agrees(members: list[tuple[Entry, bytes]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(written(members))) as archive:
        found = archive.getmembers()
        assert [member.name.rstrip("/") for member in found] == [entry.path for entry, _ in members]
        for member, (entry, content) in zip(found, members, strict=True):
            assert (member.mode, member.uid, member.gid, member.mtime) == (
                entry.mode,
                entry.uid,
                entry.gid,
                entry.mtime,
            )
            if entry.kind == "file":
                stream = archive.extractfile(member)
                assert stream is not None
                assert stream.read() == content


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_that_others_write_is_read(kind: int) -> None:
    buffer = io.BytesIO()
    long = "a/" * 40 + "file" if kind == tarfile.USTAR_FORMAT else "long/" * 60 + "file"
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for name, content in ((long, b"x" * 600), ("./b", b"")):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 5
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, long[:90]
        archive.addfile(link)
    buffer.seek(0)
    found = {entry.path: (entry.kind, content.read()) for entry, content in tar.read(buffer)}
    assert found == {long: ("file", b"x" * 600), "b": ("file", b""), "link": ("symlink", b"")}


def test_content_that_is_not_read_is_passed_over() -> None:
    data = written([(Entry("a", size=1000), b"a" * 1000), (Entry("b", size=3), b"bbb")])
    assert [entry.path for entry, _ in tar.read(io.BytesIO(data))] == ["a", "b"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/../x", ".."])
def test_a_member_that_escapes_is_refused(name: str) -> None:
    with pytest.raises(ArchiveEscapeError):
        list(tar.read(io.BytesIO(tar.header(Entry(name)) + tar.END)))
    with pytest.raises(ArchiveEscapeError):
        list(tar.read(io.BytesIO(tar.header(Entry("x", "hardlink", target=name)) + tar.END)))


@pytest.mark.parametrize("left", [100, 512, 700, 1300, 2000])
def test_a_truncated_archive_is_refused(left: int) -> None:
    data = written([(Entry("a", size=2000), b"a" * 2000)])
    with pytest.raises(ArchiveTruncatedError):
        list(tar.read(io.BytesIO(data[:left])))


@pytest.mark.parametrize(
    "entry",
    [
        Entry("/".join(["n" * 255] * 15 + ["m" * 255]), "dir"),
        Entry("x", "symlink", target="t" * 4095),
        Entry("/".join(["é" * 127] * 16)),
    ],
)
def test_the_longest_names_that_are_read_can_be_written_again(entry: Entry) -> None:
    assert next(tar.read(io.BytesIO(tar.header(entry) + tar.END)))[0].path == entry.path


def test_a_huge_extended_header_is_refused_before_it_is_read() -> None:
    block = bytearray(tar._block(b"x", b"", b"x", 0, 0, 0, 1 << 32, 0, b"", 0, 0))
    with pytest.raises(ArchiveInvalidError, match="extended header"):
        list(tar.read(io.BytesIO(bytes(block))))


@given(st.binary(max_size=3000))
def test_any_bytes_are_an_archive_or_refused(data: bytes) -> None:
    try:
        for _, content in tar.read(io.BytesIO(data)):
            content.read()
    except Error:
        pass


@given(st.data())
def test_a_damaged_archive_never_raises_anything_but_an_error(data: st.DataObject) -> None:
    archive = bytearray(
        written([(Entry("a" * 120, size=700, xattrs={"user.x": b"1"}), b"x" * 700), (Entry("d", "dir"), b"")])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    try:
        for _, content in tar.read(io.BytesIO(bytes(archive))):
            content.read()
    except Error:
        pass


@given(st.binary(min_size=512, max_size=512), st.sampled_from([1, -1, 256, 65520, 65521, 65536]))
@example(b"\xff" * 512, 65521)
@example(bytes(512), 65521)
def test_a_checksum_is_the_sum_of_a_header_s_bytes_and_nothing_else(block: bytes, off: int) -> None:
    right = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    tar._check_sum(block[:148] + b"%07o\0" % right + block[156:])
    if right + off >= 0:
        with pytest.raises(ArchiveInvalidError):
            tar._check_sum(block[:148] + b"%07o\0" % (right + off) + block[156:])
