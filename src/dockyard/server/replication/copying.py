"""Copying one tag or manifest with everything that belongs to it: what an index names, and what refers to it.

What the destination has is not sent. Children come before parents and the tag comes last, so nobody at the destination
ever sees a tag whose content, signatures or SBOMs are still missing. Run again, it goes on where it was.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from dockyard.content.store import ContentNotFoundError
from dockyard.content.verified import verified
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.server.replication.ends import Place

_DEEPEST = 5
_COSIGN = ("sig", "att", "sbom")


class Rate:
    """A bound on bytes a second, shared by all copies of a rule; 0 for none."""

    def __init__(self, bytes_a_second: int) -> None:
        self._rate = bytes_a_second
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def pass_by(self, count: int) -> None:
        """Wait until `count` more bytes may go."""
        if not self._rate:
            return
        with self._lock:
            at = max(self._free_at, time.monotonic())
            self._free_at = at + count / self._rate
        time.sleep(max(0.0, at - time.monotonic()))


class Turns:
    """One sender at a time for each blob: who comes second finds that it is there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, Digest], threading.Lock] = {}

    @contextmanager
    def of(self, name: str, digest: Digest) -> Iterator[None]:
        """Hold the turn for a blob of the repository `name`."""
        with self._lock:
            lock = self._locks.setdefault((name, digest), threading.Lock())
        with lock:
            yield


class Copy:
    """Copies from `source` to `target`, two repositories; `counts` says what was done.

    Args:
        source: where from.
        target: where to.
        name: of the target, for `turns`.
        rate: bounds the bytes a second.
        turns: keeps copies side by side from sending one blob twice.
        override: move tags that lead to something else at the target. Those of signatures are moved in any case.
        dry: only count what would be sent.
    """

    def __init__(
        self,
        source: Place,
        target: Place,
        name: str,
        *,
        rate: Rate,
        turns: Turns,
        override: bool = True,
        dry: bool = False,
    ) -> None:
        self._source, self._target, self._name = source, target, name
        self._rate, self._turns, self._override, self._dry = rate, turns, override, dry
        self._seen: set[Digest] = set()
        self.counts: Counter[str] = Counter()

    def run(self, reference: str) -> None:
        """Copy a tag, or a manifest by digest.

        Raises:
            ContentNotFoundError: it is not at the source.
            TransientError, RegistryDeniedError, RegistryRefusedError, WireError: an end fails or refuses.
        """
        by_digest = ":" in reference
        raw, media_type = self._source.manifest(Digest.parse(reference) if by_digest else reference)
        found = Descriptor.of(media_type, raw) if not by_digest else _named(Digest.parse(reference), media_type, raw)
        there = None if by_digest else self._head(reference)
        if not self._override and there not in (None, found.digest):
            self.counts["tags_kept"] += 1
            return
        self._whole(found, raw, 0)
        if by_digest:
            return
        if there == found.digest:
            self.counts["tags_same"] += 1
            return
        self.counts["tags"] += 1
        if not self._dry:
            self._target.put_manifest(reference, raw, media_type)

    def _whole(self, target: Descriptor, raw: bytes, depth: int) -> None:
        """A manifest with its children, and then what refers to it."""
        if target.digest in self._seen:
            return
        self._seen.add(target.digest)
        with self._turns.of(self._name, target.digest):
            # What is there is whole: registries take no manifest before what it names.
            if self._target.exists(target):
                self.counts["manifests_same"] += 1
                found = parse(raw, target.media_type)
                for child in found.references if isinstance(found, Index) else ():
                    self._child(child, depth)
            else:
                self._below(parse(raw, target.media_type), depth)
                self.counts["manifests"] += 1
                if not self._dry:
                    self._target.put_manifest(target.digest, raw, target.media_type)
        if depth < _DEEPEST:
            self._referrers(target.digest, depth)

    def _below(self, found: Manifest | Index, depth: int) -> None:
        if isinstance(found, Index):
            for child in found.references:
                self._child(child, depth)
            return
        for child in dict.fromkeys(found.references):
            if traits(child.media_type).distributable:
                self._blob(child)

    def _child(self, child: Descriptor, depth: int) -> None:
        """What an index names: mostly manifests, yet a blob is allowed, too."""
        if traits(child.media_type).role in ("manifest", "index") and depth <= _DEEPEST:
            raw, media_type = self._source.manifest(child.digest)
            self._whole(_named(child.digest, media_type, raw), raw, depth + 1)
        else:
            self._blob(child)

    def _blob(self, target: Descriptor) -> None:
        with self._turns.of(self._name, target.digest):
            if self._target.exists(target):
                self.counts["blobs_same"] += 1
                return
            self.counts["blobs"] += 1
            self.counts["bytes"] += target.size
            if self._dry:
                return
            stream = self._source.open(target)
            try:
                self._target.put(target, cast("BinaryIO", _Bounded(verified(stream, target), self._rate)))
            finally:
                stream.close()

    def _referrers(self, digest: Digest, depth: int) -> None:
        for each in self._source.referrers(digest):
            raw, media_type = self._source.manifest(each.digest)
            self._whole(_named(each.digest, media_type, raw), raw, depth + 1)
        # Signatures as Cosign kept them before there were referrers.
        for kind in _COSIGN:
            tag = f"{digest.algorithm}-{digest.hex}.{kind}"
            try:
                raw, media_type = self._source.manifest(tag)
            except ContentNotFoundError:  # deleted in the meantime
                continue
            found = Descriptor.of(media_type, raw)
            if found.digest in self._seen:
                continue
            there = self._head(tag)
            self._whole(found, raw, _DEEPEST)
            if there != found.digest:
                self.counts["tags"] += 1
                if not self._dry:
                    self._target.put_manifest(tag, raw, media_type)

    def _head(self, tag: str) -> Digest | None:
        try:
            return self._target.head(tag)
        except ContentNotFoundError:
            return None


def _named(digest: Digest, media_type: str, raw: bytes) -> Descriptor:
    return Descriptor(media_type, digest, len(raw))


class _Bounded:
    """A stream that keeps to a rate."""

    def __init__(self, stream: BinaryIO, rate: Rate) -> None:
        self._stream, self._rate = stream, rate

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._rate.pass_by(len(data))
        return data
