"""All roles of a registry (`registry.interface.Registry`) over a database and a blob store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dockyard.oci.digest import Digest
from dockyard.registry.blobs import Small
from dockyard.registry.interface import BlobPlace, Page, Put, Referrers, StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.server.generation import Changes
from dockyard.server.recent import Recent
from dockyard.server.refusals import Refusals
from dockyard.server.stored import deleting, linking, listing, manifests
from dockyard.server.stored.holdings import Holdings

_MOST_CACHED = 8192
_LARGEST_CACHED = 64 << 10
_MOST_HOLDERS = 32


class StoredRegistry:
    """The registry for all of its methods' callers; who may do what is the guard's to say.

    Args:
        holdings: metadata and bytes.
        generations: tells when a repository has changed; None where other machines change it, too, and nothing may be
            kept in memory.
    """

    def __init__(self, holdings: Holdings, generations: Changes | None = None) -> None:
        self.holdings = holdings
        self.generations = generations
        self._small = holdings.blobs if isinstance(holdings.blobs, Small) else None
        self._refusals = Refusals(holdings.database)
        self._manifests: Recent[StoredManifest] = Recent(generations, _MOST_CACHED)
        self._places: Recent[BlobPlace] = Recent(generations, _MOST_CACHED)

    def blob(self, name: str, digest: Digest) -> BlobPlace:
        """Where a blob is."""
        with self._places.reading(name, str(digest)) as keep:
            size, settled = linking.size(self.holdings, name, digest)
            place = self.holdings.blobs.place(digest, size)
            # What may be removed soon has to be asked for anew, so that asking prolongs its life.
            return keep(place) if settled and not place.url else place

    def cached_blob(self, name: str, digest: str) -> BlobPlace | None:
        """The place of a blob that was asked for before and has not gone since."""
        return self._places.get(name, digest)

    def cached(self, name: str, reference: str) -> StoredManifest | None:
        """A manifest that was read before and has not changed since."""
        return self._manifests.get(name, reference)

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest."""
        with self._manifests.reading(name, reference) as keep:
            found = manifests.get(self.holdings.database, name, reference)
            return keep(found) if len(found.raw) <= _LARGEST_CACHED else found

    def tags(self, name: str, *, last: str, count: int) -> Page:
        """Tags of a repository."""
        return listing.tags(self.holdings.database, name, last, count)

    def referrers(self, name: str, digest: Digest, *, artifact_type: str, last: str, count: int) -> Referrers:
        """What refers to `digest`."""
        return listing.referrers(self.holdings.database, name, digest, artifact_type, last, count)

    def repositories(self, *, last: str, count: int) -> Page:
        """Repositories that have a manifest."""
        return listing.repositories(self.holdings.database, last, count)

    def begin(self, name: str, algorithm: str = "sha256") -> str:
        """Begin an upload."""
        return self.holdings.blobs.begin(algorithm)

    def begin_at_once(self, name: str) -> str | None:
        """Begin an upload without waiting for anything."""
        return self._small.begin_at_once() if self._small is not None else None

    def bare(self, name: str, upload: str) -> bool:
        """Whether an upload was begun at once and nothing has come of it yet."""
        return self._small is not None and self._small.bare(upload)

    def put_blob(self, name: str, digest: Digest, pieces: Sequence[bytes], upload: str = "") -> None:
        """Take a whole blob."""
        small, blobs = self._small, self.holdings.blobs
        if small is None:
            return self.finish(name, upload or self.begin(name, digest.algorithm), digest, pieces)
        size = small.store(digest, pieces, upload)

        def sure() -> None:
            if not blobs.exists(digest, size):  # it may have been removed since
                small.store(digest, pieces)

        try:
            with self._noting("push.refused", name, str(digest)):
                linking.publish(self.holdings, name, digest, size, sure)
        except WireError:
            linking.reject(self.holdings, digest)
            raise
        return None

    def received(self, name: str, upload: str) -> int:
        """How many bytes have arrived."""
        return self.holdings.blobs.received(upload)

    def append(self, name: str, upload: str, *data: bytes) -> None:
        """Add bytes."""
        self.holdings.blobs.append(upload, *data)

    def finish(self, name: str, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> None:
        """End the upload as the blob `digest`."""
        blobs = self.holdings.blobs
        size = blobs.seal(upload, digest, last)
        try:
            with self._noting("push.refused", name, str(digest)):
                linking.publish(self.holdings, name, digest, size, lambda: blobs.publish(upload, digest))
        except WireError:
            blobs.cancel(upload)
            linking.reject(self.holdings, digest)
            raise
        blobs.cancel(upload)

    def cancel(self, name: str, upload: str) -> None:
        """Forget the upload."""
        self.holdings.blobs.received(upload)
        self.holdings.blobs.cancel(upload)

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Take a blob over from another repository."""
        with self._noting("push.refused", name, str(digest)):
            return linking.mount(self.holdings, name, digest, source)

    def holders(self, digest: Digest) -> Sequence[str]:
        """Some repositories that have the blob."""
        return linking.holders(self.holdings.database, digest, _MOST_HOLDERS)

    def put_manifest(
        self, name: str, reference: str, raw: bytes, media_type: str, tags: Sequence[str] = (), expected: str = ""
    ) -> Put:
        """Store a manifest under a tag or its digest."""
        with self._noting("push.refused", name, reference):
            made = manifests.put(self.holdings, name, reference, raw, media_type, tags, expected)
        self.changed(name)
        return made

    def delete_manifest(self, name: str, reference: str, expected: str = "") -> None:
        """Forget a tag, or a manifest with all its tags."""
        with self._noting("delete.refused", name, reference):
            deleting.manifest(self.holdings, name, reference, expected)
        self.changed(name)

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Forget a blob of the repository."""
        deleting.blob(self.holdings, name, digest)
        self.changed(name)

    def lookups(self) -> dict[str, tuple[int, int]]:
        """How often something was found in memory, and how often not."""
        kept: dict[str, Recent[Any]] = {"manifests": self._manifests, "blobs": self._places}
        return {name: (each.hits, each.misses) for name, each in kept.items()}

    @contextmanager
    def _noting(self, kind: str, name: str, reference: str) -> Iterator[None]:
        """Note what the project's rules refuse."""
        try:
            yield
        except WireError as error:
            if error.code.name == codes.DENIED.name and error.code.status != codes.MANIFEST_IN_USE.status:
                by_digest = ":" in reference
                tag, digest = ("", reference) if by_digest else (reference, "")
                self._refusals.note(kind, name, error.detail, reference=tag, digest=digest)
            raise

    def changed(self, name: str) -> None:
        """Let every process of this machine forget what it knows of a repository's tags and manifests."""
        if self.generations is not None:
            self.generations.change(name)
