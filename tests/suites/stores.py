"""What every content store must do; `tests/content/test_stores.py` runs it over each of them."""

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import pytest

from dockyard.content.store import ContentNotFoundError, DigestMismatchError, Ingest, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest

DATA = bytes(range(256)) * 5000
TARGET = Descriptor.of("application/octet-stream", DATA)


class Store(Protocol):
    def open(self, target: Descriptor) -> BinaryIO: ...

    def exists(self, target: Descriptor) -> bool: ...

    def ingest(self) -> Ingest: ...

    def put(self, target: Descriptor, content: BinaryIO) -> None: ...

    def delete(self, digest: Digest) -> None: ...

    def walk(self) -> Iterator[Digest]: ...


class StoreSuite:
    """Subclass it with a fixture `store`, and `damage`, which changes the stored bytes of a blob."""

    def test_what_is_put_is_read_again(self, store: Store) -> None:
        assert not store.exists(TARGET)
        store.put(TARGET, io.BytesIO(DATA))
        store.put(TARGET, io.BytesIO(DATA))
        assert store.exists(TARGET)
        assert read(store, TARGET) == DATA
        assert list(store.walk()) == [TARGET.digest]

    def test_nothing_is_visible_before_commit_and_nothing_is_left_without_it(self, store: Store) -> None:
        with store.ingest() as ingest:
            ingest.write(DATA)
            assert not store.exists(TARGET)
        assert list(store.walk()) == []
        with store.ingest() as ingest:
            ingest.write(DATA[:1000])
            ingest.write(DATA[1000:])
            assert ingest.commit() == (TARGET.digest, TARGET.size)
        assert store.exists(TARGET)

    @pytest.mark.parametrize("content", [DATA[:-1], DATA + b"x", DATA[:-1] + b"\0", b""])
    def test_other_bytes_than_those_named_are_refused(self, store: Store, content: bytes) -> None:
        with pytest.raises(DigestMismatchError):
            store.put(TARGET, io.BytesIO(content))
        assert list(store.walk()) == []

    def test_what_is_not_there_is_an_error_and_deleting_it_is_none(self, store: Store) -> None:
        with pytest.raises(ContentNotFoundError):
            store.open(TARGET)
        store.delete(TARGET.digest)
        store.put(TARGET, io.BytesIO(DATA))
        store.delete(TARGET.digest)
        assert not store.exists(TARGET)

    @pytest.mark.parametrize(
        "change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"\1" + data[1:]]
    )
    def test_a_damaged_blob_never_reads_to_its_end(
        self, store: Store, damage: Callable[[Digest, Callable[[bytes], bytes]], None], change: Callable[[bytes], bytes]
    ) -> None:
        store.put(TARGET, io.BytesIO(DATA))
        damage(TARGET.digest, change)
        with pytest.raises(DigestMismatchError) as caught, store.open(TARGET) as stream:
            list(iter(lambda: stream.read(1 << 16), b""))
        assert TARGET.digest.hex in str(caught.value)
        assert caught.value.hint
