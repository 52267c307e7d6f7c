"""A store in memory: the simplest implementation of the roles, for tests and for small new objects."""

import io
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from dockyard.content.store import ContentNotFoundError, DigestMismatchError
from dockyard.content.verified import verified
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest


class MemoryIngest:
    """An ingest into a buffer."""

    def __init__(self, blobs: dict[Digest, bytes]) -> None:
        self._blobs = blobs
        self._buffer = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take in more bytes."""
        self._buffer += data
        return len(data)

    def commit(self, expected: Descriptor | None = None) -> tuple[Digest, int]:
        """Make what was written visible under its digest.

        Raises:
            DigestMismatchError: it is not what was expected; nothing becomes visible.
        """
        data = bytes(self._buffer)
        digest = Digest.of(data, expected.digest.algorithm if expected else "sha256")
        if expected is not None and (digest, len(data)) != (expected.digest, expected.size):
            raise DigestMismatchError(f"expected {expected.digest}, got {digest}", context={"digest": expected.digest})
        self._blobs[digest] = data
        return digest, len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._buffer.clear()


class Memory:
    """A store (`content.store.Store`) that goes with the process."""

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of the blob.

        Raises:
            ContentNotFoundError: the blob is not here.
        """
        try:
            return verified(io.BytesIO(self.blobs[target.digest]), target)
        except KeyError as error:
            raise ContentNotFoundError(
                f"{target.digest} is not in memory", context={"digest": target.digest}
            ) from error

    def exists(self, target: Descriptor) -> bool:
        """Whether the blob is here."""
        return target.digest in self.blobs

    def ingest(self) -> MemoryIngest:
        """Begin to take in a blob."""
        return MemoryIngest(self.blobs)

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Store `content` as `target`."""
        with self.ingest() as ingest:
            while chunk := content.read(1 << 20):
                ingest.write(chunk)
            ingest.commit(target)

    def add(self, media_type: str, data: bytes) -> Descriptor:
        """Store small `data` and return its descriptor."""
        target = Descriptor.of(media_type, data)
        self.blobs[target.digest] = data
        return target

    def delete(self, digest: Digest) -> None:
        """Remove the blob."""
        self.blobs.pop(digest, None)

    def walk(self) -> Iterator[Digest]:
        """Every blob's digest."""
        return iter(list(self.blobs))
