"""Beside an image: where signatures are put and found, in the local store or in a registry's repository."""

import io
from typing import Any, Protocol

from dockyard.content.layout import Layout, TagNotFoundError
from dockyard.content.store import ContentNotFoundError, Reader, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, parse


class Place(Protocol):
    """One repository, as signing sees it."""

    def read(self, target: Descriptor, limit: int) -> bytes:
        """The verified bytes of a blob or manifest."""

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """Store a blob."""

    def put_manifest(self, raw: bytes, media_type: str, tag: str = "") -> Descriptor:
        """Store a manifest, under a tag or beside its subject."""

    def referrers(self, digest: Digest) -> list[Descriptor]:
        """The manifests whose subject is `digest`."""

    def resolve(self, tag: str) -> Descriptor | None:
        """What a tag points to, if it is there."""


class LocalPlace:
    """The local store; `name` is the image's registry/repository, under which `.sig` tags are kept."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout, self._name = layout, name

    def read(self, target: Descriptor, limit: int) -> bytes:
        """As `Place.read`."""
        return read(self._layout, target, limit=limit)

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """As `Place.put`."""
        return self._layout.add(media_type, data)

    def put_manifest(self, raw: bytes, media_type: str, tag: str = "") -> Descriptor:
        """As `Place.put_manifest`."""
        target = self._layout.add(media_type, raw)
        if tag:
            self._layout.tag(f"{self._name}:{tag}", target)
        else:
            self._layout.attach(target)
        return target

    def referrers(self, digest: Digest) -> list[Descriptor]:
        """As `Place.referrers`: every root without a name is looked at."""
        found = []
        for item in self._layout.roots():
            try:
                seen = parse(read(self._layout, item), item.media_type)
            except ContentNotFoundError:  # removed while it was looked at
                continue
            if isinstance(seen, Manifest) and seen.subject is not None and seen.subject.digest == digest:
                found.append(
                    Descriptor(item.media_type, item.digest, item.size, seen.annotations, None, seen.artifact_type)
                )
        return found

    def resolve(self, tag: str) -> Descriptor | None:
        """As `Place.resolve`."""
        try:
            return self._layout.resolve(f"{self._name}:{tag}")
        except TagNotFoundError:
            return None


class RegistryPlace:
    """A repository in a registry (`registry.client.Client.repository`)."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository

    def read(self, target: Descriptor, limit: int) -> bytes:
        """As `Place.read`."""
        source: Reader = self._repository
        return read(source, target, limit=limit)

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """As `Place.put`."""
        target = Descriptor.of(media_type, data)
        if not self._repository.exists(target):
            self._repository.put(target, io.BytesIO(data))
        return target

    def put_manifest(self, raw: bytes, media_type: str, tag: str = "") -> Descriptor:
        """As `Place.put_manifest`."""
        target = Descriptor.of(media_type, raw)
        self._repository.put_manifest(tag or target.digest, raw, media_type)
        return target

    def referrers(self, digest: Digest) -> list[Descriptor]:
        """As `Place.referrers`."""
        found: list[Descriptor] = self._repository.referrers(digest)
        return found

    def resolve(self, tag: str) -> Descriptor | None:
        """As `Place.resolve`."""
        try:
            found: Descriptor = self._repository.resolve(tag)
        except ContentNotFoundError:
            return None
        return found
