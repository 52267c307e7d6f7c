"""The roles a place for content can play. Functions ask for the smallest that serves them.

The life of content: bytes are *ingested*, invisible to readers; *commit* makes them visible under their digest, at
once and whole. Put and delete are idempotent. Every read is verified: a reader that reaches the end of a blob has
seen exactly the bytes that the digest names, or got an exception.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from dockyard._internal.limits import MANIFEST_BYTES, TooLargeError
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest


class ContentError(Error):
    """A store holds something other than what its names promise."""

    reference = "content"


class ContentNotFoundError(ContentError):
    """The place does not hold the blob that was asked for."""

    reference = "content-not-found"
    hint = "Pull or load the image again: `dockyard pull NAME`. What is there already is not fetched twice."


class DigestMismatchError(ContentError):
    """The bytes read are not the bytes named: the disk, the network or somebody changed them."""

    reference = "digest-mismatch"
    hint = "Remove the image with `dockyard rm` and pull or build it again; nothing of the damaged blob was used."


class Reader(Protocol):
    """Gives bytes by descriptor."""

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of `target`'s bytes; close it when done.

        Raises:
            ContentNotFoundError: there is no such blob here.
            DigestMismatchError: from a `read`, at the latest at the end: the bytes differ from the name.
        """

    def exists(self, target: Descriptor) -> bool:
        """Whether `open` would find the blob; does not look at its bytes."""


class Ingest(Protocol):
    """Bytes on their way in. As a context manager, leaving without `commit` throws them away."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take in more bytes."""

    def commit(self, expected: Descriptor | None = None) -> tuple[Digest, int]:
        """Make what was written visible and return its digest and size in bytes.

        Raises:
            DigestMismatchError: it differs from `expected`; nothing becomes visible.
        """

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw away what was not committed."""


class Writer(Protocol):
    """Takes bytes in."""

    def ingest(self) -> Ingest:
        """Begin to take in a blob whose digest is not yet known."""

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Store `content` as `target`. Idempotent: returning means that the blob is there.

        Raises:
            DigestMismatchError: `content` is not `target`; nothing becomes visible.
            DiskFullError: nothing becomes visible.
        """


class Deleter(Protocol):
    """Forgets bytes."""

    def delete(self, digest: Digest) -> None:
        """Remove the blob; no error if it is not there."""


class Walker(Protocol):
    """Names all it has."""

    def walk(self) -> Iterator[Digest]:
        """Every blob's digest, in no order."""


class Store(Reader, Writer, Deleter, Walker, Protocol):
    """All roles at once."""


def read(source: Reader, target: Descriptor, *, limit: int = MANIFEST_BYTES) -> bytes:
    """The whole of a small object, verified.

    Raises:
        TooLargeError: its descriptor says that it is larger than `limit` bytes.
        ContentNotFoundError, DigestMismatchError: as `Reader.open`.
    """
    if target.size > limit:
        raise TooLargeError(f"{target.digest} is {target.size} bytes, more than the {limit} allowed for its kind")
    with source.open(target) as stream:
        chunks = list(iter(lambda: stream.read(1 << 20), b""))
    return b"".join(chunks)
