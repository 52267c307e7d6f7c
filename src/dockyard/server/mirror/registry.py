"""A registry that asks upstreams for what it lacks (`registry.interface.Registry` around a stored registry).

Pushes go into the same repositories: what was pushed here is never replaced by an upstream's. What an upstream has
deleted is kept, and what cannot be compared because it does not answer is served as it was.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy import delete, exists, select

from dockyard.content.store import ContentNotFoundError
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.registry.interface import BlobPlace, Page, Put, Referrers, StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.server.clock import now
from dockyard.server.mirror.fetch import Fetch, refusal
from dockyard.server.mirror.soon import Soon, UpstreamSlowError
from dockyard.server.mirror.upstream import Upstream, digest_of, of
from dockyard.server.schema.content import REFERENCE
from dockyard.server.schema.mirrors import MIRRORED_TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import manifests
from dockyard.server.stored.registry import StoredRegistry

T = TypeVar("T")
_UNKNOWN = (codes.BLOB_UNKNOWN, codes.MANIFEST_UNKNOWN, codes.NAME_UNKNOWN)
_MOST_FRESH = 16_384
_AGAIN = 30_000  # milliseconds until an upstream that failed is asked again for the same tag


class MirroredRegistry:
    """`stored` with what the upstreams have.

    Args:
        stored: keeps all.
        upstreams: longer prefixes first.
        folder: for blobs on their way.
        fetched: told of what came from an upstream, or did not: its name, the bytes, whether all went well.
    """

    def __init__(
        self,
        stored: StoredRegistry,
        upstreams: Sequence[Upstream],
        folder: Path,
        fetched: Callable[[str, int, bool], None] = lambda upstream, size, good: None,
    ) -> None:
        self._fetched = fetched
        self.stored = stored
        self._upstreams = upstreams
        self._folder = folder
        self._fetches: dict[Digest, Fetch] = {}
        self._asking: dict[tuple[str, ...], threading.Lock] = {}
        self._fresh: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()
        self._soon = Soon()

    def blob(self, name: str, digest: Digest) -> BlobPlace:
        """Where a blob is; read along while it comes."""
        try:
            return self.stored.blob(name, digest)
        except WireError as error:
            upstream = of(self._upstreams, name)
            if error.code not in _UNKNOWN or upstream is None or not self._named(name, digest):
                raise
        fetch = self._fetch(upstream, name, digest)
        place = fetch.place()
        if place is None:
            fetch.wait()
            return self.stored.blob(name, digest)
        return place

    def cached_blob(self, name: str, digest: str) -> BlobPlace | None:
        """The place of a blob that is known to be here."""
        return self.stored.cached_blob(name, digest)

    def cached(self, name: str, reference: str) -> StoredManifest | None:
        """A manifest that was read before, unless it is a tag that has to be compared again."""
        if ":" not in reference and of(self._upstreams, name) is not None:
            until = self._fresh.get((name, reference))
            if until is None or until < time.monotonic():
                return None
        return self.stored.cached(name, reference)

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest."""
        upstream = of(self._upstreams, name)
        if upstream is None:
            return self.stored.manifest(name, reference)
        here = self._here(name, reference)
        if here is not None and (":" in reference or self._current(upstream, name, reference)):
            return here
        with self._turn(name, reference):
            here = self._here(name, reference)
            if here is not None and (":" in reference or self._current(upstream, name, reference)):
                return here
            if here is None:
                return self._compared(upstream, name, reference, here)
            try:
                return self._asked(upstream, lambda: self._compared(upstream, name, reference, here))
            except UpstreamSlowError:
                self._mark(name, reference, min(upstream.settings.ttl * 1000, _AGAIN), upstream.settings.ttl * 1000)
                return here

    def tags(self, name: str, *, last: str, count: int) -> Page:
        """The tags of both."""
        upstream = of(self._upstreams, name)
        if upstream is None:
            return self.stored.tags(name, last=last, count=count)
        try:
            asked = self._asked(upstream, lambda: upstream.ask(name, lambda place: place.tags()))
            there = {each for each in asked if each > last}
        except Error:  # upstream does not answer: what is here is listed
            return self.stored.tags(name, last=last, count=count)
        try:
            page = self.stored.tags(name, last=last, count=count)
        except WireError:  # nothing of it is here yet
            page = Page([], False)
        found = sorted({*there, *page.items})
        return Page(found[:count], page.more or len(found) > count)

    def referrers(self, name: str, digest: Digest, *, artifact_type: str, last: str, count: int) -> Referrers:
        """The referrers of both."""
        upstream = of(self._upstreams, name)
        here = self.stored.referrers(name, digest, artifact_type=artifact_type, last=last, count=count)
        if upstream is None:
            return here
        try:
            there = self._asked(
                upstream, lambda: upstream.ask(name, lambda place: place.referrers(digest, artifact_type))
            )
        except Error:  # upstream does not answer: what is here is listed
            return here
        known = {each.digest: each for each in [*there, *here.items] if str(each.digest) > last}
        found = [known[each] for each in sorted(known, key=str)]
        return Referrers(found[:count], here.more or len(found) > count)

    def repositories(self, *, last: str, count: int) -> Page:
        """The repositories that are here."""
        return self.stored.repositories(last=last, count=count)

    def begin(self, name: str, algorithm: str = "sha256") -> str:
        """Begin an upload."""
        return self.stored.begin(name, algorithm)

    def begin_at_once(self, name: str) -> str | None:
        """Begin an upload without waiting for anything."""
        return self.stored.begin_at_once(name)

    def bare(self, name: str, upload: str) -> bool:
        """Whether an upload was begun at once and nothing has come of it yet."""
        return self.stored.bare(name, upload)

    def put_blob(self, name: str, digest: Digest, pieces: Sequence[bytes], upload: str = "") -> None:
        """Take a whole blob."""
        self.stored.put_blob(name, digest, pieces, upload)

    def received(self, name: str, upload: str) -> int:
        """How many bytes have arrived."""
        return self.stored.received(name, upload)

    def append(self, name: str, upload: str, *data: bytes) -> None:
        """Add bytes."""
        self.stored.append(name, upload, *data)

    def finish(self, name: str, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> None:
        """End the upload."""
        self.stored.finish(name, upload, digest, last)

    def cancel(self, name: str, upload: str) -> None:
        """Forget the upload."""
        self.stored.cancel(name, upload)

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Take a blob over."""
        return self.stored.mount(name, digest, source)

    def holders(self, digest: Digest) -> Sequence[str]:
        """Some repositories that have the blob."""
        return self.stored.holders(digest)

    def put_manifest(
        self, name: str, reference: str, raw: bytes, media_type: str, tags: Sequence[str] = (), expected: str = ""
    ) -> Put:
        """Store a manifest; its tags are this registry's own from now on."""
        made = self.stored.put_manifest(name, reference, raw, media_type, tags, expected)
        if of(self._upstreams, name) is not None:
            self._own(name, [reference, *tags])
        return made

    def delete_manifest(self, name: str, reference: str, expected: str = "") -> None:
        """Forget a tag or manifest here; an upstream that has it gives it again when it is asked for."""
        self.stored.delete_manifest(name, reference, expected)
        with self._lock:
            self._fresh.pop((name, reference), None)

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Forget a blob here."""
        self.stored.delete_blob(name, digest)

    def _here(self, name: str, reference: str) -> StoredManifest | None:
        try:
            return self.stored.manifest(name, reference)
        except WireError as error:
            if error.code not in _UNKNOWN:
                raise
            return None

    def _current(self, upstream: Upstream, name: str, tag: str) -> bool:
        """Whether the tag need not be compared: it was pushed here, or was compared a short while ago."""
        query = select(MIRRORED_TAG.c.checked_at).where(MIRRORED_TAG.c.repository == name, MIRRORED_TAG.c.name == tag)
        with self.stored.holdings.database.read() as connection:
            checked = connection.execute(query).scalar()
        return checked is None or now() - int(checked) < upstream.settings.ttl * 1000

    def _compared(self, upstream: Upstream, name: str, reference: str, here: StoredManifest | None) -> StoredManifest:
        ttl = upstream.settings.ttl * 1000
        try:
            if ":" in reference:
                wanted = manifests.digest(reference)
            else:
                wanted = upstream.ask(name, lambda place: digest_of(place, reference))
            if here is None or here.digest != wanted:
                raw, media_type = upstream.ask(name, lambda place: place.manifest(wanted))
                self._fetched(upstream.settings.upstream, len(raw), True)
                self._keep(name, reference, raw, media_type)
                here = StoredManifest(raw, media_type, wanted)
        except ContentNotFoundError:
            if here is None:
                raise WireError(codes.MANIFEST_UNKNOWN, f"{name}: {reference[:140]}") from None
        except WireError:
            raise
        except Error as error:
            if here is None:
                raise refusal(error) from error
            ttl = min(ttl, _AGAIN)
        if ":" not in reference:
            self._mark(name, reference, ttl, upstream.settings.ttl * 1000)
        return here

    def _asked(self, upstream: Upstream, question: Callable[[], T]) -> T:
        """What the upstream says, if it says it soon."""
        return self._soon.ask(upstream.settings.patience, question)

    def _keep(self, name: str, reference: str, raw: bytes, media_type: str) -> None:
        holdings = replace(self.stored.holdings, projects=True)
        manifests.put(holdings, name, reference, raw, media_type, (), "", partial=True)
        self.stored.changed(name)

    def _mark(self, name: str, tag: str, ttl: int, whole: int) -> None:
        """Believe the tag for `ttl` milliseconds of the `whole` that a comparison is worth."""
        database = self.stored.holdings.database
        row = {"repository": name, "name": tag, "checked_at": now() - whole + ttl}
        statement = database.insert(MIRRORED_TAG).values(row)
        statement = statement.on_conflict_do_update(
            index_elements=["repository", "name"], set_={"checked_at": row["checked_at"]}
        )
        database.write(lambda connection: connection.execute(statement).rowcount)
        with self._lock:
            self._fresh[name, tag] = time.monotonic() + ttl / 1000
            while len(self._fresh) > _MOST_FRESH:
                self._fresh.popitem(last=False)

    def _own(self, name: str, tags: list[str]) -> None:
        statement = delete(MIRRORED_TAG).where(MIRRORED_TAG.c.repository == name, MIRRORED_TAG.c.name.in_(tags))
        self.stored.holdings.database.write(lambda connection: connection.execute(statement).rowcount)

    def _named(self, name: str, digest: Digest) -> bool:
        """Whether a manifest of the repository names the blob: nothing else is fetched."""
        query = select(
            exists().where(
                REFERENCE.c.repository_id == REPOSITORY.c.id,
                REPOSITORY.c.name == name,
                REFERENCE.c.child == str(digest),
            )
        )
        with self.stored.holdings.database.read() as connection:
            return bool(connection.execute(query).scalar())

    def _fetch(self, upstream: Upstream, name: str, digest: Digest) -> Fetch:
        """The one fetch of the blob that is under way in this process."""
        target = Descriptor("application/octet-stream", digest, 0)
        with self._turn("", str(digest)):
            fetch = self._fetches.get(digest)
            if fetch is not None:
                return fetch
            try:
                fetch = Fetch(
                    digest, lambda at: upstream.ask(name, lambda place: place.stream(target, at)), self._folder
                )
            except ContentNotFoundError:
                raise WireError(codes.BLOB_UNKNOWN, str(digest)) from None
            except WireError:
                raise
            except Error as error:
                raise refusal(error) from error
            self._fetches[digest] = fetch
        work = (fetch, name, upstream.settings.upstream)
        threading.Thread(target=self._run, args=work, name=f"fetch {digest.short}", daemon=True).start()
        return fetch

    @contextlib.contextmanager
    def _turn(self, *what: str) -> Iterator[None]:
        """One caller at a time for `what`: one question to the upstream for all who wait for its answer."""
        with self._lock:
            turn = self._asking.setdefault(what, threading.Lock())
        try:
            with turn:
                yield
        finally:
            with self._lock:
                self._asking.pop(what, None)

    def _run(self, fetch: Fetch, name: str, upstream: str) -> None:
        upload = self.stored.begin(name, fetch.digest.algorithm)
        try:
            fetch.run(
                lambda piece: self.stored.append(name, upload, piece),
                lambda: self.stored.finish(name, upload, fetch.digest),
            )
            self._fetched(upstream, fetch.size, fetch.whole)
        finally:
            self.stored.holdings.blobs.cancel(upload)
            self._fetches.pop(fetch.digest, None)
