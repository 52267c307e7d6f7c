"""The two ends of a replication: this registry and another one, with the same few verbs."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

from dockyard._internal.proxy import Proxies
from dockyard.content.store import ContentNotFoundError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import traits
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credential
from dockyard.registry.interface import BlobPlace, Registry, WireError
from dockyard.registry.pages import names, pages
from dockyard.registry.protocol import codes
from dockyard.registry.repository import Repository
from dockyard.registry.settings import RegistrySettings, Settings
from dockyard.registry.transport import RegistryDeniedError, RegistryRefusedError, Transport
from dockyard.server.globs import matches, plain
from dockyard.server.replication.rules import Rule

_PIECE = 1 << 20
_PAGE = 1000
_UNKNOWN = (codes.BLOB_UNKNOWN, codes.MANIFEST_UNKNOWN, codes.NAME_UNKNOWN)


class Source(Protocol):
    """Where a repository is read from; what is not there raises `ContentNotFoundError`."""

    def manifest(self, reference: str | Digest) -> tuple[bytes, str]:
        """Bytes and media type of a manifest by tag or digest."""

    def referrers(self, digest: Digest, artifact_type: str = "") -> list[Descriptor]:
        """What has this manifest as its subject."""

    def tags(self) -> list[str]:
        """Every tag."""

    def open(self, target: Descriptor) -> BinaryIO:
        """A blob's bytes, not yet verified."""


class Target(Protocol):
    """Where a repository is written to."""

    def exists(self, target: Descriptor) -> bool:
        """Whether a blob or manifest is there."""

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Send a blob."""

    def put_manifest(self, reference: str | Digest, raw: bytes, media_type: str) -> Descriptor:
        """Send a manifest under a tag or its digest."""

    def delete(self, reference: str | Digest) -> None:
        """Forget a tag or manifest."""


class Place(Source, Target, Protocol):
    """One repository, wherever it is."""

    def head(self, tag: str) -> Digest | None:
        """What a tag points to; None where the registry does not say without giving it."""


class End(Protocol):
    """A registry."""

    def place(self, name: str) -> Place:
        """A repository of it."""

    def repositories(self, pattern: str) -> Iterator[str]:
        """The repositories that fit."""


class Here:
    """This registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def place(self, name: str) -> Place:
        """A repository of it."""
        return Local(self._registry, name)

    def repositories(self, pattern: str) -> Iterator[str]:
        """The repositories that fit."""
        last = ""
        while True:
            page = self._registry.repositories(last=last, count=_PAGE)
            yield from (each for each in page.items if matches(pattern, each))
            if not page.more or not page.items:
                return
            last = page.items[-1]


def client(registry: str, username: str, secret: str, *, insecure: bool, ca: str) -> Client:
    """A client for one other registry, which gets these credentials and nobody else."""
    credential = Credential(username, secret) if username or secret else None
    settings = Settings({registry: RegistrySettings([], insecure, ca)})
    return Client(settings, lambda asked: credential if asked == registry else None, Proxies.here())


class There:
    """The other registry of a rule."""

    def __init__(self, rule: Rule, secret: str) -> None:
        self._registry = rule.registry
        self._client = client(rule.registry, rule.username, secret, insecure=rule.insecure, ca=rule.ca)

    def place(self, name: str) -> Place:
        """A repository of it."""
        return _There(self._client.repository(Reference(self._registry, name)))

    def repositories(self, pattern: str) -> Iterator[str]:
        """The repositories that fit. Without a wildcard the catalog, which not every registry shows, is not asked.

        Raises:
            RegistryRefusedError: it shows no catalog, and a wildcard needs one.
        """
        if plain(pattern):
            yield pattern
            return
        transport: Transport = self._client.transport(Reference(self._registry, "catalog"))
        path = f"/v2/_catalog?n={_PAGE}"
        for raw in pages(transport, path, scope="registry:catalog:*", what="the catalog"):
            if raw is None:
                raise RegistryRefusedError(
                    f"{self._registry} shows no catalog", hint="Name the repositories without a wildcard."
                )
            yield from (each for each in names(raw, "repositories") if matches(pattern, each))


class Local:
    """One repository of this registry (`Place`)."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry, self._name = registry, name

    def manifest(self, reference: str | Digest) -> tuple[bytes, str]:
        """Bytes and media type of a manifest by tag or digest."""
        try:
            found = self._registry.manifest(self._name, str(reference))
        except WireError as error:
            raise _translated(error) from error
        return found.raw, found.media_type

    def head(self, tag: str) -> Digest | None:
        """What a tag points to."""
        try:
            return self._registry.manifest(self._name, tag).digest
        except WireError as error:
            raise _translated(error) from error

    def tags(self) -> list[str]:
        """Every tag."""
        found: list[str] = []
        while True:
            try:
                page = self._registry.tags(self._name, last=found[-1] if found else "", count=_PAGE)
            except WireError as error:
                raise _translated(error) from error
            found += page.items
            if not page.more or not page.items:
                return found

    def referrers(self, digest: Digest, artifact_type: str = "") -> list[Descriptor]:
        """What has this manifest as its subject."""
        found: list[Descriptor] = []
        while True:
            last = str(found[-1].digest) if found else ""
            page = self._registry.referrers(self._name, digest, artifact_type=artifact_type, last=last, count=_PAGE)
            found += page.items
            if not page.more or not page.items:
                return found

    def open(self, target: Descriptor) -> BinaryIO:
        """A blob's bytes, not yet verified."""
        try:
            place = self._registry.blob(self._name, target.digest)
        except WireError as error:
            raise _translated(error) from error
        return _opened(place)

    def exists(self, target: Descriptor) -> bool:
        """Whether a blob or manifest is there."""
        try:
            if traits(target.media_type).role in ("manifest", "index"):
                self._registry.manifest(self._name, str(target.digest))
            else:
                self._registry.blob(self._name, target.digest)
        except WireError as error:
            if error.code in _UNKNOWN:
                return False
            raise
        return True

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Store a blob."""
        upload = self._registry.begin(self._name, target.digest.algorithm)
        try:
            while piece := content.read(_PIECE):
                self._registry.append(self._name, upload, piece)
        except BaseException:
            self._registry.cancel(self._name, upload)
            raise
        self._registry.finish(self._name, upload, target.digest)

    def put_manifest(self, reference: str | Digest, raw: bytes, media_type: str) -> Descriptor:
        """Store a manifest under a tag or its digest."""
        self._registry.put_manifest(self._name, str(reference), raw, media_type)
        return Descriptor.of(media_type, raw)

    def delete(self, reference: str | Digest) -> None:
        """Forget a tag or manifest."""
        try:
            self._registry.delete_manifest(self._name, str(reference))
        except WireError as error:
            raise _translated(error) from error


class _There:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.manifest, self.head, self.tags = repository.manifest, repository.head, repository.tags
        self.referrers, self.open, self.exists = repository.referrers, repository.open, repository.exists
        self.put, self.put_manifest = repository.put, repository.put_manifest

    def delete(self, reference: str | Digest) -> None:
        """Forget a tag or manifest. Registries that cannot delete a tag are told to delete its manifest, if that has no
        other tag.
        """
        try:
            self._repository.delete(reference)
            return
        except RegistryDeniedError:
            raise
        except RegistryRefusedError:
            if isinstance(reference, Digest):
                raise
            digest = self._repository.head(reference) or self._repository.resolve(reference).digest
            for tag in self._repository.tags():
                if tag != reference and self._repository.head(tag) == digest:
                    raise
        self._repository.delete(digest)


def _opened(place: BlobPlace) -> BinaryIO:
    if place.path is not None:
        return open(place.path, "rb")
    if place.read is not None:
        return cast("BinaryIO", _Pieces(place.read(0, place.size)))
    return cast("BinaryIO", Proxies.here().pool(place.url).request("GET", place.url, preload_content=False))


class _Pieces:
    """Pieces of bytes as a stream to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            return self._rest + b"".join(self._pieces)
        data = self._rest or next(self._pieces, b"")
        self._rest = data[size:]
        return data[:size]

    def close(self) -> None:
        self._rest = b""


def _translated(error: WireError) -> Exception:
    return ContentNotFoundError(error.message) if error.code in _UNKNOWN else error
