"""A repository of this very registry, as the rooms below see one: a reader of content, and a place of signatures."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from dockyard.content.store import ContentNotFoundError, read
from dockyard.content.verified import verified
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import traits
from dockyard.registry.interface import Registry, WireError

_PAGE = 500


class Inside:
    """The repository `name` of `registry` (`content.store.Reader` and, but for putting, `signing.place.Place`)."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry, self._name = registry, name

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of a blob or manifest.

        Raises:
            ContentNotFoundError: the registry has no such content.
        """
        try:
            if traits(target.media_type).role in ("manifest", "index"):
                raw = self._registry.manifest(self._name, str(target.digest)).raw
                return verified(io.BytesIO(raw), target)
            place = self._registry.blob(self._name, target.digest)
            if place.read is not None:
                pieces = place.read(0, place.size)
                return verified(cast("BinaryIO", io.BufferedReader(_Pieces(pieces))), target)
            return verified(open(str(place.path), "rb", buffering=0), target)
        except (WireError, FileNotFoundError) as error:
            raise ContentNotFoundError(f"{self._name} has no {target.digest}") from error

    def exists(self, target: Descriptor) -> bool:
        """Whether `open` would find it."""
        try:
            self.open(target).close()
        except ContentNotFoundError:
            return False
        return True

    def read(self, target: Descriptor, limit: int) -> bytes:
        """The whole of a small object, verified."""
        return read(self, target, limit=limit)

    def referrers(self, digest: Digest) -> list[Descriptor]:
        """The manifests whose subject is `digest`."""
        found: list[Descriptor] = []
        more = True
        while more:
            last = str(found[-1].digest) if found else ""
            page = self._registry.referrers(self._name, digest, artifact_type="", last=last, count=_PAGE)
            found += page.items
            more = page.more and bool(page.items)
        return found

    def resolve(self, tag: str) -> Descriptor | None:
        """What a tag points to, if it is there."""
        try:
            found = self._registry.manifest(self._name, tag)
        except WireError:  # no such tag
            return None
        return Descriptor(found.media_type, found.digest, len(found.raw))

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """Nothing is put from inside."""
        raise io.UnsupportedOperation("a place that is only read")

    def put_manifest(self, raw: bytes, media_type: str, tag: str = "") -> Descriptor:
        """Nothing is put from inside."""
        raise io.UnsupportedOperation("a place that is only read")


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
