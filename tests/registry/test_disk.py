"""Blobs on a disk: uploads that come whole, in pieces, and by several at once."""

import errno
import os
from pathlib import Path

import pytest

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
@pytest.mark.parametrize("able", [True, False])
def test_an_upload_that_comes_whole_is_read_as_it_was_sent(blobs: DiskBlobs, size: int, able: bool) -> None:
    data = os.urandom(size)
    digest = Digest.of(data)
    blobs._direct.able = able
    upload = blobs.begin("sha256")
    assert blobs.seal(upload, digest, [data[: size // 3], b"", data[size // 3 :]]) == size
    blobs.publish(upload, digest)
    blobs.cancel(upload)
    assert stored(blobs, digest, size) == data
    assert list(blobs.walk()) == [(digest, size)]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSPC])
def test_a_disk_that_cannot_be_written_directly_gets_blobs_the_usual_way(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*values: object) -> int:
        raise OSError(number, "not like this")

    monkeypatch.setattr(os, "pwrite", refuse)
    data = os.urandom(100_000)
    upload = blobs.begin("sha256")
    assert blobs.seal(upload, Digest.of(data), [data]) == len(data)
    assert stored(blobs, Digest.of(data), len(data)) == data
    assert blobs._direct.able == (number != errno.EINVAL)


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
