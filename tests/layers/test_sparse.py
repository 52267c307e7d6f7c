"""Sparse members, as the real tar writes them in each of its four forms."""

import io
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from dockyard.layers.fault import ArchiveInvalidError, ArchiveTruncatedError, ArchiveUnfitError
from dockyard.layers.members import members
from dockyard.layers.tar import END, padding

FORMS = [
    ["--format=gnu"],
    ["--format=pax", "--sparse-version=0.0"],
    ["--format=pax", "--sparse-version=0.1"],
    ["--format=pax", "--sparse-version=1.0"],
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files with holes in front, between, behind, many of them, and nothing but one."""
    place = tmp_path / "files"
    place.mkdir()
    for name, size, pieces in (
        ("between", 9_000_000, {0: b"begin", 5_000_000: b"middle" * 999, 8_999_997: b"end"}),
        ("front", 4_000_000, {3_000_000: b"x" * 1_000_000}),
        ("behind", 4_000_000, {0: b"y" * 5000}),
        ("many", 30_000_000, {at * 400_000: b"%d" % at for at in range(70)}),
        ("nothing", 2_000_000, {}),
        ("l" * 120, 1_000_000, {500_000: b"long name"}),
    ):
        with open(place / name, "wb") as stream:
            stream.truncate(size)
            for offset, data in pieces.items():
                stream.seek(offset)
                stream.write(data)
    (place / "plain").write_bytes(b"plain")
    return place


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_what_tar_wrote_sparse_is_read_whole(files: Path, form: list[str]) -> None:
    program = shutil.which("tar")
    if program is None:
        pytest.skip("tar is not installed")
    words = [program, "--sparse", *form, "-C", str(files), "-c", "."]
    archive = subprocess.run(words, capture_output=True, check=True).stdout
    if len(archive) > 20_000_000:
        pytest.skip("this file system has no holes")
    for read in (True, False):
        found = {}
        for entry, content in members(io.BytesIO(archive)):
            if entry.kind == "file":
                found[entry.path] = content.read() if read else b""
                assert not read or len(found[entry.path]) == entry.size
        assert found.keys() == {path.name for path in files.iterdir()}
        if read:
            assert all(data == (files / name).read_bytes() for name, data in found.items())


def sparse(records: dict[str, bytes], data: bytes) -> bytes:
    member = tarfile.TarInfo("s")
    member.size, member.pax_headers = len(data), {key: value.decode() for key, value in records.items()}
    return member.tobuf(tarfile.PAX_FORMAT) + data + padding(len(data)) + END


@pytest.mark.parametrize(
    "text", [b"0,5,3,2", b"0,5,1", b"900,200", b"0,-5", b"x,1", b"0,6", b"5,5,0,1", b"9" * 30 + b",1"]
)
def test_a_map_that_contradicts_itself_is_refused(text: bytes) -> None:
    archive = sparse({"GNU.sparse.map": text, "GNU.sparse.size": b"1000"}, b"12345")
    with pytest.raises(ArchiveInvalidError):
        [content.read() for _, content in members(io.BytesIO(archive))]


def test_a_bomb_of_holes_is_refused() -> None:
    began = time.process_time()
    with pytest.raises(ArchiveUnfitError, match="more than"):
        list(members(io.BytesIO(sparse({"GNU.sparse.map": b"", "GNU.sparse.size": b"%d" % (1 << 60)}, b""))))
    one = {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.realsize": b"10", "GNU.sparse.name": b"n"}
    with pytest.raises(ArchiveInvalidError, match="map"):
        list(members(io.BytesIO(sparse(one, b"99999999\n".ljust(512, b"\0")))))
    with pytest.raises(ArchiveTruncatedError):
        list(members(io.BytesIO(sparse(one, b"9\n1\n".ljust(512, b"1")))))
    assert time.process_time() - began < 5


def test_holes_cost_no_memory(tmp_path: Path) -> None:
    whole = sparse({"GNU.sparse.map": b"0,3", "GNU.sparse.size": b"%d" % (3 << 30)}, b"abc")
    ((entry, content),) = list(members(io.BytesIO(whole)))[:1]
    assert entry.size == 3 << 30
    for _, content in members(io.BytesIO(whole)):
        assert content.read(5) == b"abc\0\0"
        assert content.read(1 << 20) == bytes(1 << 20)
    assert os.path.getsize(tmp_path) < 1 << 20
