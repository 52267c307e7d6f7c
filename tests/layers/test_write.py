"""The one pass from members to blob."""

import gzip
import hashlib
import io
import os
import random
from collections.abc import Collection

import pytest

from dockyard._internal.limits import read_bounded
from dockyard.content.memory import Memory
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.fault import ArchiveInvalidError, ArchiveTruncatedError
from dockyard.layers.tar import Entry
from dockyard.layers.write import FileChangedError, LayerWriter, kept
from making.images import layer

RNG = random.Random(7)
LETTERS = bytes.maketrans(bytes(range(256)), b"abcdef \n" * 32)
FILES = {f"f{n}": RNG.randbytes(100_000).translate(LETTERS) for n in range(60)}


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
@pytest.mark.parametrize("level", ["fast", "dense"])
def test_digest_and_diff_id_are_those_of_the_bytes(compression: str, level: str) -> None:
    store = Memory()
    made = layer(store, FILES, compression=compression, level=level)
    plain = made.open_uncompressed().read()
    assert hashlib.sha256(plain).hexdigest() == made.diff_id.hex
    assert {entry.path: content.read() for entry, content in made.entries()} == FILES
    if compression == "gzip":
        assert gzip.decompress(store.blobs[made.descriptor.digest]) == plain


def test_the_blob_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = set()
    for processors in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda count=processors: count)
        blobs.add(layer(Memory(), FILES).descriptor.digest)
    assert len(blobs) == 1


def test_one_changed_file_changes_one_segment() -> None:
    def members(files: dict[str, bytes]) -> list[bytes]:
        store = Memory()
        blob = store.blobs[layer(store, files).descriptor.digest]
        return blob.split(b"\x1f\x8b\x08\x00")

    before = members(FILES)
    after = members(FILES | {"f30": FILES["f30"][::-1]})
    assert len(before) == len(after) > 3
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_newer_times_are_clamped_to_the_epoch() -> None:
    store = Memory()
    with LayerWriter(store, epoch=100) as writer:
        writer.add(Entry("new", mtime=200))
        writer.add(Entry("old", mtime=50))
        made = writer.commit()
    assert [entry.mtime for entry, _ in made.entries()] == [100, 50]


@pytest.mark.parametrize(
    ("names", "expected"),
    [(None, {"user.a", "security.capability"}), ({"security.capability"}, {"security.capability"}), ((), set())],
)
def test_only_the_attributes_that_were_asked_for_are_kept(names: Collection[str] | None, expected: set[str]) -> None:
    given = {"user.a": b"1", "security.capability": b"\1\0"}
    attributes = None if names is None else frozenset(names)
    assert kept(given, attributes) == {name: given[name] for name in expected}
    with LayerWriter(Memory(), attributes=attributes) as writer:
        writer.add(Entry("x", xattrs=given))
        ((entry, _),) = writer.commit().entries()
    assert entry.xattrs.keys() == expected


@pytest.mark.parametrize("content", [b"short", b"far too long"])
def test_a_file_that_changed_while_it_was_read_stops_the_layer_and_leaves_nothing(content: bytes) -> None:
    store = Memory()
    with pytest.raises(FileChangedError), LayerWriter(store) as writer:
        writer.add(Entry("x", size=7), io.BytesIO(content))
    assert store.blobs == {}


def test_an_empty_layer_is_a_valid_tar() -> None:
    store = Memory()
    with LayerWriter(store) as writer:
        made = writer.commit()
    assert list(made.entries()) == []
    assert made.diff_id.hex == hashlib.sha256(bytes(1024)).hexdigest()


def test_a_bomb_costs_no_memory() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(Exception, match="larger than"):
        read_bounded(open_uncompressed(io.BytesIO(bomb), "gzip"), 1000, "bomb")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_damaged_streams_are_refused(compression: str) -> None:
    store = Memory()
    blob = store.blobs[layer(store, FILES, compression=compression).descriptor.digest]
    damaged = blob[:5000] + bytes(100) + blob[5100:]
    with pytest.raises(ArchiveInvalidError):
        open_uncompressed(io.BytesIO(damaged), compression).read()
    with pytest.raises(ArchiveInvalidError):
        open_uncompressed(io.BytesIO(b"nonsense, not compressed"), compression).read()
    if compression == "gzip":
        with pytest.raises(ArchiveTruncatedError):
            open_uncompressed(io.BytesIO(blob[:-9]), compression).read()


def test_the_compression_is_told_by_the_first_bytes() -> None:
    for blob, plain in (
        (gzip.compress(b"a"), b"a"),
        (b"plain", b"plain"),
        (gzip.compress(b"a") + bytes(20), b"a"),
        (b"", b""),
    ):
        assert open_uncompressed(io.BytesIO(blob), "sniff").read() == plain
