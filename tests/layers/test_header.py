"""Headers written, with the standard library's reader as an independent check."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.errors import FileUnusableError
from dockyard.layers.header import header, plain_header, plain_owner
from dockyard.layers.members import members
from dockyard.layers.tar import END, Entry
from making.members import entries, written


@given(st.lists(entries(), max_size=3))
def test_python_s_own_reader_agrees(packed: list[tuple[Entry, bytes]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(written(packed))) as archive:
        found = archive.getmembers()
        assert [member.name.rstrip("/") for member in found] == [entry.path for entry, _ in packed]
        for member, (entry, content) in zip(found, packed, strict=True):
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


@given(
    st.text("ab/._-é" + "x" * 9, min_size=1, max_size=100),
    st.integers(0, 0o7777),
    st.tuples(st.integers(0, 0o7777777), st.integers(0, 0o7777777)),
    st.integers(0, 1 << 20),
    st.integers(0, 0o77777777777),
)
def test_the_quick_header_is_the_same(name: str, mode: int, owner: tuple[int, int], size: int, mtime: int) -> None:
    if name.isascii():
        quick = plain_header(name.encode(), plain_owner(mode, *owner), size, mtime)
        assert quick == header(Entry(name, "file", mode, *owner, size, mtime))


@pytest.mark.parametrize(
    "entry",
    [
        Entry("/".join(["n" * 255] * 15 + ["m" * 255]), "dir"),
        Entry("x", "symlink", target="t" * 4095),
        Entry("/".join(["é" * 127] * 16)),
    ],
)
def test_the_longest_names_that_are_read_can_be_written_again(entry: Entry) -> None:
    assert next(members(io.BytesIO(header(entry) + END)))[0].path == entry.path


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        (Entry("n" * 256), "with a part of 256 bytes"),
        (Entry("a/" + "n" * 256, "dir"), "with a part of 256 bytes"),
        (Entry("n/" * 2048 + "n"), "of 4097 bytes"),
        (Entry("x", "symlink", target="t" * 4096), "of 4096 bytes"),
    ],
)
def test_a_name_that_no_file_system_takes_is_refused(entry: Entry, size: str) -> None:
    with pytest.raises(FileUnusableError, match=f"no file system takes a name {size}$"):
        header(entry)
