"""Blobs on a disk: uploads that come whole, in pieces, and by several at once."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dockyard.errors import DiskFullError
from dockyard.oci.digest import Digest
from dockyard.registry.disk import DiskBlobs
from dockyard.registry.interface import WireError

SIZES = [1, 65_535, 65_536, 70_000, 1 << 20, (1 << 20) + 1]


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path)


def stored(blobs: DiskBlobs, digest: Digest, size: int) -> bytes:
    return b"".join(blobs.read(digest, 0, size + 1))


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_that_comes_whole_is_read_as_it_was_sent(blobs: DiskBlobs, size: int) -> None:
    data = os.urandom(size)
    digest = Digest.of(data)
    upload = blobs.begin("sha256")
    assert blobs.seal(upload, digest, [data[: size // 3], b"", data[size // 3 :]]) == size
    blobs.publish(upload, digest)
    blobs.cancel(upload)
    assert stored(blobs, digest, size) == data
    assert list(blobs.walk()) == [(digest, size)]


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("able", [True, False])
def test_a_blob_that_is_stored_whole_is_read_as_it_was_sent_and_leaves_no_upload(
    tmp_path: Path, size: int, able: bool
) -> None:
    blobs, data = DiskBlobs(tmp_path, alone=True), os.urandom(size)
    digest = Digest.of(data)
    blobs._direct.able = able
    upload = blobs.begin_at_once()
    assert upload is not None
    assert blobs.store(digest, [data[: size // 3], b"", data[size // 3 :]], upload) == size
    assert stored(blobs, digest, size) == data
    assert list(blobs.walk()) == [(digest, size)]
    assert list((tmp_path / "uploads").iterdir()) == []
    assert blobs.store(digest, [data]) == size, "once more"
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.store(digest, [data], upload)


def test_a_damaged_file_gives_way_to_what_is_stored_whole(blobs: DiskBlobs) -> None:
    data = os.urandom(70_000)
    digest = Digest.of(data)
    blobs.store(digest, [data])
    path = blobs.place(digest, len(data)).path
    assert path is not None
    os.truncate(path, 5)
    blobs.store(digest, [data])
    assert stored(blobs, digest, len(data)) == data


def test_what_is_stored_whole_is_on_the_disk_before_it_has_its_name(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, rename = os.fsync, os.rename

    def fsync(handle: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"
        done.append(kind)
        flush(handle)

    def renamed(before: Path, after: Path) -> None:
        rename(before, after)
        done.append("name")

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed)
    for size in (100, 100_000):
        data = os.urandom(size)
        blobs.store(Digest.of(data), [data])
        blobs.store(Digest.of(data), [data])
        assert [each for each in done if each != "folder"] == ["file", "name"]
        assert done[-2:] == ["folder", "folder"], "its folder after it, also where another was quicker"
        done.clear()


def test_a_disk_that_is_full_keeps_nothing_of_what_was_stored_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*values: object) -> int:
        raise OSError(errno.ENOSPC, "no room")

    blobs = DiskBlobs(tmp_path)
    monkeypatch.setattr(os, "pwrite", refuse)
    monkeypatch.setattr(os, "write", refuse)
    for size in (100, 100_000):
        data = os.urandom(size)
        with pytest.raises(DiskFullError):
            blobs.store(Digest.of(data), [data])
        assert list((tmp_path / "uploads").iterdir()) == []
        assert not blobs.exists(Digest.of(data))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSPC])
def test_a_disk_that_cannot_be_written_directly_gets_blobs_the_usual_way(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*values: object) -> int:
        raise OSError(number, "not like this")

    monkeypatch.setattr(os, "pwrite", refuse)
    data = os.urandom(100_000)
    assert blobs.store(Digest.of(data), [data]) == len(data)
    assert stored(blobs, Digest.of(data), len(data)) == data
    assert blobs._direct.able == (number != errno.EINVAL)


def test_an_upload_is_hashed_while_it_comes_and_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs, data = DiskBlobs(tmp_path, alone=True), os.urandom(300_000)

    def read(*values: object) -> None:
        raise AssertionError("it is read again")

    monkeypatch.setattr(hashlib, "file_digest", read)
    for upload in (blobs.begin("sha256"), blobs.begin_at_once()):
        assert upload is not None
        blobs.append(upload, data[:200_000])
        assert blobs.seal(upload, Digest.of(data), [data[200_000:]]) == len(data)
        blobs.cancel(upload)


def test_pieces_that_came_before_count(blobs: DiskBlobs) -> None:
    data = os.urandom(300_000)
    upload = blobs.begin("sha256")
    blobs.append(upload, data[:100_000], data[100_000:100_001])
    assert blobs.seal(upload, Digest.of(data), [data[100_001:]]) == len(data)
    assert stored(blobs, Digest.of(data), len(data)) == data


def test_what_another_process_received_counts(blobs: DiskBlobs, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    upload = blobs.begin("sha256")
    DiskBlobs(tmp_path).append(upload, data[:100_000])
    assert blobs.seal(upload, Digest.of(data), [data[100_000:]]) == len(data)


@pytest.mark.parametrize("size", [100, 100_000])
def test_the_wrong_digest_is_refused_and_the_upload_gone(blobs: DiskBlobs, size: int) -> None:
    upload = blobs.begin("sha256")
    with pytest.raises(WireError, match="DIGEST_INVALID"):
        blobs.seal(upload, Digest.of(b"something else"), [bytes(size)])
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.received(upload)
    assert list(blobs.walk()) == []


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_sealed_upload_takes_nothing_more(blobs: DiskBlobs, size: int) -> None:
    data = os.urandom(size)
    upload = blobs.begin("sha256")
    blobs.seal(upload, Digest.of(data), [data])
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.append(upload, b"behind it")
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.seal(upload, Digest.of(data + b"behind it"), [b"behind it"])
    assert stored(blobs, Digest.of(data), size) == data
    assert blobs.seal(upload, Digest.of(data)) == size


def test_an_upload_that_is_not_there_is_unknown(blobs: DiskBlobs) -> None:
    for pieces in ([], [b"x"], [bytes(100_000)]):
        with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
            blobs.seal("0" * 32, Digest.of(b"".join(pieces)), pieces)
