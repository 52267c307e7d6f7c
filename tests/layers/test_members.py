"""Members read, with the standard library's writer as an independent check, and from hostile archives."""

import io
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockyard.errors import Error
from dockyard.layers.fault import ArchiveEscapeError, ArchiveInvalidError, ArchiveTruncatedError
from dockyard.layers.header import header
from dockyard.layers.members import members
from dockyard.layers.tar import END, Entry
from making.members import entries, written


@given(st.lists(entries(), max_size=4))
def test_what_is_written_is_read_again(packed: list[tuple[Entry, bytes]]) -> None:
    assert [(entry, content.read()) for entry, content in members(io.BytesIO(written(packed)))] == packed


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
    found = {entry.path: (entry.kind, content.read()) for entry, content in members(buffer)}
    assert found == {long: ("file", b"x" * 600), "b": ("file", b""), "link": ("symlink", b"")}


def test_content_that_is_not_read_is_passed_over() -> None:
    data = written([(Entry("a", size=1000), b"a" * 1000), (Entry("b", size=3), b"bbb")])
    assert [entry.path for entry, _ in members(io.BytesIO(data))] == ["a", "b"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/../x", ".."])
def test_a_member_that_escapes_is_refused(name: str) -> None:
    with pytest.raises(ArchiveEscapeError):
        list(members(io.BytesIO(header(Entry(name)) + END)))
    with pytest.raises(ArchiveEscapeError):
        list(members(io.BytesIO(header(Entry("x", "hardlink", target=name)) + END)))


@pytest.mark.parametrize("left", [100, 512, 700, 1300, 2000])
def test_a_truncated_archive_is_refused(left: int) -> None:
    data = written([(Entry("a", size=2000), b"a" * 2000)])
    with pytest.raises(ArchiveTruncatedError):
        list(members(io.BytesIO(data[:left])))


@given(st.binary(max_size=3000))
def test_any_bytes_are_an_archive_or_refused(data: bytes) -> None:
    try:
        for _, content in members(io.BytesIO(data)):
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
        for _, content in members(io.BytesIO(bytes(archive))):
            content.read()
    except Error:
        pass


def test_a_huge_extended_header_is_refused_before_it_is_read() -> None:
    huge = tarfile.TarInfo("x")
    huge.type, huge.size = tarfile.XHDTYPE, 1 << 32
    with pytest.raises(ArchiveInvalidError, match="extended header"):
        list(members(io.BytesIO(huge.tobuf(tarfile.USTAR_FORMAT))))


@given(st.binary(min_size=512, max_size=512), st.sampled_from([1, -1, 256, 65520, 65521, 65536]))
@example(b"\xff" * 512, 65521)
@example(bytes(512), 65521)
def test_a_checksum_is_the_sum_of_a_header_s_bytes_and_nothing_else(block: bytes, off: int) -> None:
    def refused(told: int) -> str:
        try:
            list(members(io.BytesIO(before + b"%07o\0" % told + after)))
        except Error as error:
            return error.message
        return ""

    before, after = block[:124] + b"%011o\0" % 0 + block[136:148], b"0" + block[157:]
    right = sum(before) + sum(after) + 8 * ord(" ")
    assert "checksum" not in refused(right)
    if right + off >= 0:
        assert "checksum" in refused(right + off)
