"""What a registry can do, whoever it is: the app serves any of these, so filters and mirrors can stand in between.

Every method may be called from any thread. Names are valid repositories, digests are parsed; tags and manifests are as
the client sent them. What cannot be done raises `WireError` with the code that goes over the wire.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.registry.protocol.codes import Code

ABSENT = "-"
"""What a manifest's tag is expected to be where there must be none yet."""


class WireError(Error):
    """A request that the registry refuses, with the code that goes over the wire.

    Attributes:
        headers: further headers of the answer, such as a challenge.
    """

    reference = "registry-request-refused"

    def __init__(self, code: Code, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code.name}: {detail or code.meaning}")
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


class BlobPlace(NamedTuple):
    """Where a blob's bytes are: in a file, behind a URL that anyone may fetch for a while, or read piece by piece.

    `read(begin, length)` gives the bytes where there is neither file nor URL.
    """

    size: int
    path: Path | None = None
    url: str = ""
    read: Callable[[int, int], Iterator[bytes]] | None = None


class StoredManifest(NamedTuple):
    """A manifest as it was pushed."""

    raw: bytes
    media_type: str
    digest: Digest


class Put(NamedTuple):
    """A manifest that was stored: its digest, its subject's, and warnings for whoever pushed it."""

    digest: Digest
    subject: Digest | None = None
    warnings: Sequence[str] = ()


class Page(NamedTuple):
    """Some items in ASCII order, and whether more follow."""

    items: Sequence[str]
    more: bool


class Referrers(NamedTuple):
    """Some referrers in the order of their digests, and whether more follow."""

    items: Sequence[Descriptor]
    more: bool


class Reader(Protocol):
    """Gives content."""

    def blob(self, name: str, digest: Digest) -> BlobPlace:
        """Where a blob of the repository is."""

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest."""

    def cached(self, name: str, reference: str) -> StoredManifest | None:
        """What `manifest` would give, if that is known without waiting for anything."""

    def cached_blob(self, name: str, digest: str) -> BlobPlace | None:
        """What `blob` would give, if that is known without waiting for anything."""


class Lister(Protocol):
    """Tells what there is, page by page: at most `count` items after `last`."""

    def tags(self, name: str, *, last: str, count: int) -> Page:
        """Tags of a repository."""

    def referrers(self, name: str, digest: Digest, *, artifact_type: str, last: str, count: int) -> Referrers:
        """The manifests whose subject is `digest`, of one artifact type where it is not empty.

        Args:
            name: the repository.
            digest: of the subject, which need not be there.
            artifact_type: only these; empty for all.
            last: the digest of the last one seen; empty for the first page.
            count: at most so many.
        """

    def repositories(self, *, last: str, count: int) -> Page:
        """Repositories that have a manifest."""


class Writer(Protocol):
    """Takes content. What it has acknowledged survives the loss of the process and of power."""

    def begin(self, name: str, algorithm: str = "sha256") -> str:
        """Begin an upload whose digest will probably be of `algorithm`; returns its number."""

    def begin_at_once(self, name: str) -> str | None:
        """Begin an upload without waiting for anything; None if that cannot be."""

    def bare(self, name: str, upload: str) -> bool:
        """Whether an upload was begun at once and nothing has come of it yet. Waits for nothing."""

    def put_blob(self, name: str, digest: Digest, pieces: Sequence[bytes], upload: str = "") -> None:
        """Take a whole blob of at most 1 MiB. `upload`, one that is bare, ends with that, whatever comes of it."""

    def received(self, name: str, upload: str) -> int:
        """How many bytes of the upload have arrived."""

    def append(self, name: str, upload: str, *data: bytes) -> None:
        """Add pieces of a request's body to the upload. An empty piece says that the body has ended."""

    def finish(self, name: str, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> None:
        """End the upload as the blob `digest`, once the pieces `last` are added."""

    def cancel(self, name: str, upload: str) -> None:
        """Forget the upload."""

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Take a blob over from the repository `source`; False if it is not there."""

    def holders(self, digest: Digest) -> Sequence[str]:
        """Some repositories that have the blob, for a mount that names none."""

    def put_manifest(
        self, name: str, reference: str, raw: bytes, media_type: str, tags: Sequence[str] = (), expected: str = ""
    ) -> Put:
        """Store a manifest under a tag or its digest, and under `tags`, all at once.

        Args:
            name: the repository.
            reference: a tag or the digest of `raw`.
            raw: the bytes, kept as they are.
            media_type: without parameters.
            tags: further tags.
            expected: where not empty, the digest that the tag must have before (If-Match), or several with commas
                between; `*` for any, `ABSENT` for none.
        """


class Deleter(Protocol):
    """Forgets content."""

    def delete_manifest(self, name: str, reference: str, expected: str = "") -> None:
        """Forget a tag, or a manifest with all its tags; where `expected` is not empty, only if it is at that digest,
        one of several with commas between, or at any (`*`): asked and done at once (If-Match).
        """

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Forget a blob of the repository."""


class Registry(Reader, Lister, Writer, Deleter, Protocol):
    """All roles at once."""
