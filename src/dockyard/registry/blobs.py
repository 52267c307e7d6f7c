"""Where a registry keeps the bytes of blobs: on a disk, or in object storage behind the same roles."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from dockyard.oci.digest import Digest
from dockyard.registry.interface import BlobPlace


class Uploads(Protocol):
    """Bytes on their way in, named by a number that cannot be guessed."""

    def begin(self, algorithm: str) -> str:
        """Begin an upload; its bytes are hashed with `algorithm` while they arrive."""

    def received(self, upload: str) -> int:
        """How many bytes have arrived.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN.
        """

    def append(self, upload: str, *data: bytes) -> None:
        """Add pieces of a request's body. An empty piece says that the body has ended: from then on its bytes count as
        received, and another process may go on with the upload.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN.
            DiskFullError: there is no room; what had arrived stays.
            ObjectStorageError: the storage fails; what earlier bodies brought stays.
        """

    def seal(self, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> int:
        """Add the pieces `last`, check that the upload is `digest`, make it durable, and return its size. It is no blob
        yet, though its bytes may be in their place already.

        Raises:
            WireError: DIGEST_INVALID (the upload is gone then), or BLOB_UPLOAD_UNKNOWN.
        """

    def publish(self, upload: str, digest: Digest) -> None:
        """Make sure that the blob `digest` is there, from a sealed upload that stays until it is cancelled. Quick;
        called under the lock of that digest, so that nobody removes it at the same time.
        """

    def cancel(self, upload: str) -> None:
        """Forget the upload; no error if it is not there."""

    def sweep(self, older_than: float) -> int:
        """Forget uploads to which nothing was added for so many seconds; returns how many."""


class Blobs(Protocol):
    """Bytes that are there for good, until they are removed."""

    def place(self, digest: Digest, size: int) -> BlobPlace:
        """Where the blob is. Does not look whether it really is there."""

    def exists(self, digest: Digest, size: int | None = None) -> bool:
        """Whether it really is there, and has so many bytes."""

    def age(self, digest: Digest) -> float | None:
        """Seconds since it was put there; None where it is not."""

    def read(self, digest: Digest, begin: int, length: int) -> Iterator[bytes]:
        """Its bytes from `begin` on, in pieces of at most 1 MiB.

        Raises:
            WireError: BLOB_UNKNOWN.
        """

    def remove(self, digests: Sequence[Digest]) -> None:
        """Remove some; no error for one that is not there."""

    def set_aside(self, digest: Digest) -> None:
        """Keep what is damaged under another name, so that the blob is no longer there and may be pushed anew."""

    def walk(self, after: str = "") -> Iterator[tuple[Digest, int]]:
        """Every blob with its size, in the order of the digests; only those that come after the text `after`."""


class BlobStore(Uploads, Blobs, Protocol):
    """Both roles."""


SMALL_BYTES = 1 << 20
"""The largest blob that `Small.store` takes."""


@runtime_checkable
class Small(Protocol):
    """What a store offers besides where small blobs can be taken whole."""

    def begin_at_once(self) -> str | None:
        """Begin an upload without waiting for anything; None if that cannot be."""

    def bare(self, upload: str) -> bool:
        """Whether an upload was begun at once and nothing has come of it yet. Waits for nothing."""

    def store(self, digest: Digest, pieces: Sequence[bytes], upload: str = "") -> int:
        """Take a whole blob of at most `SMALL_BYTES`, make it durable in its place, and return its size. `upload`, one
        that is bare, ends with that, whatever comes of it.

        Raises:
            WireError: DIGEST_INVALID, or BLOB_UPLOAD_UNKNOWN.
        """
