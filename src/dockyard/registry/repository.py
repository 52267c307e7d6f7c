"""One repository of a registry, seen through its protocol: a content store with tags and referrers."""

import io
import json
from typing import BinaryIO, cast

from dockyard._internal.limits import MANIFEST_BYTES, read_bounded
from dockyard.content.store import ContentNotFoundError, DigestMismatchError
from dockyard.content.verified import verified
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, encode
from dockyard.oci.mediatype import MANIFEST_TYPES, OCI_INDEX, traits
from dockyard.registry.pages import names, pages
from dockyard.registry.protocol import request
from dockyard.registry.transport import RegistryDeniedError, RegistryRefusedError, RegistryUnreachableError, Transport
from dockyard.registry.wire.answer import Answer

_CHUNK = 256 << 10
_ACCEPT = ", ".join(MANIFEST_TYPES)


class Repository:
    """The repository `name` at the host that `transport` speaks to. `open`, `exists`, `put` are a store's roles."""

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = name
        self._transport = transport
        self._pull = f"repository:{name}:pull"
        self._push = f"repository:{name}:pull,push"

    def manifest(self, reference: str | Digest) -> tuple[bytes, str]:
        """The bytes and media type of a manifest or index by tag or digest.

        Raises:
            ContentNotFoundError: there is none.
            DigestMismatchError: the bytes are not those that the digest names.
        """
        path = request.manifest_path(self.name, reference)
        response = self._transport.request("GET", path, scope=self._pull, headers={"Accept": _ACCEPT})
        try:
            if response.status == 404:
                raise ContentNotFoundError(
                    f"{self._transport.base} has no {self.name}:{reference}",
                    context={"image": f"{self.name}:{reference}"},
                    hint="`dockyard tags REPOSITORY` lists what there is.",
                )
            raw = read_bounded(response, MANIFEST_BYTES, "a manifest")
        finally:
            response.drain()
        if isinstance(reference, Digest) and Digest.of(raw, reference.algorithm) != reference:
            raise DigestMismatchError(
                f"the registry sent something else than {reference}", context={"digest": reference}
            )
        media_type = str(response.headers.get("Content-Type", "")).partition(";")[0].strip()
        if traits(media_type).role not in ("manifest", "index"):
            media_type = _said(raw) or media_type
        return raw, media_type

    def resolve(self, reference: str | Digest) -> Descriptor:
        """What a tag or digest points to.

        Raises:
            ContentNotFoundError: there is none.
        """
        raw, media_type = self.manifest(reference)
        return Descriptor.of(media_type, raw)

    def head(self, tag: str) -> Digest | None:
        """What a tag points to, without fetching it; None where the registry does not say.

        Raises:
            ContentNotFoundError: there is no such tag.
        """
        path = request.manifest_path(self.name, tag)
        response = self._transport.request("HEAD", path, scope=self._pull, headers={"Accept": _ACCEPT})
        response.drain()
        if response.status == 404:
            raise ContentNotFoundError(f"{self._transport.base} has no {self.name}:{tag}")
        text = response.headers.get("Docker-Content-Digest", "")
        return Digest.parse(text) if text else None

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of a blob or manifest (see `content.store.Reader`)."""
        if traits(target.media_type).role in ("manifest", "index"):
            raw, _ = self.manifest(target.digest)
            return verified(io.BytesIO(raw), target)
        return verified(cast("BinaryIO", self.stream(target, 0)), target)

    def stream(self, target: Descriptor, offset: int) -> "Stream":
        """The blob's bytes from `offset` on, not verified; from the beginning if the registry knows no ranges.

        Raises:
            ContentNotFoundError: the registry has no such blob.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        path = request.blob_path(self.name, target.digest)
        response = self._transport.request("GET", path, scope=self._pull, headers=headers, expected=(200, 206))
        if response.status == 404:
            response.drain()
            raise ContentNotFoundError(f"the registry has no blob {target.digest}", context={"digest": target.digest})
        return Stream(response, offset if response.status == 206 else 0)

    def exists(self, target: Descriptor) -> bool:
        """Whether the registry has the blob or manifest in this repository."""
        if traits(target.media_type).role in ("manifest", "index"):
            path, headers = request.manifest_path(self.name, target.digest), {"Accept": _ACCEPT}
        else:
            path, headers = request.blob_path(self.name, target.digest), {}
        response = self._transport.request("HEAD", path, scope=self._push, headers=headers)
        response.drain()
        return response.status == 200

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Send a blob, or a manifest by its digest (see `content.store.Writer`).

        Raises:
            RegistryRefusedError: the registry takes no uploads there, or lost this one.
        """
        if traits(target.media_type).role in ("manifest", "index"):
            self.put_manifest(target.digest, content.read(), target.media_type)
            return
        started = self._transport.request(
            "POST", request.uploads_path(self.name), scope=self._push, headers={"Content-Length": "0"}, expected=(202,)
        )
        started.drain()
        location = started.headers.get("Location", "")
        if started.status != 202 or not location:
            raise RegistryRefusedError(f"the registry has no repository {self.name}, or takes no uploads")
        ended = self._transport.request(
            "PUT",
            request.with_digest(location, target.digest),
            scope=self._push,
            headers={"Content-Length": str(target.size), "Content-Type": "application/octet-stream"},
            body=content,
            expected=(201,),
        )
        ended.drain()
        if ended.status != 201:
            raise RegistryRefusedError(f"the registry lost the upload of {target.digest}")

    def mount(self, target: Descriptor, source: str) -> bool:
        """Take a blob over from the repository `source` of the same registry; False if the registry does not, or its
        caller may not read there.
        """
        path = request.uploads_path(self.name, mount=target.digest, source=source)
        scope = f"{self._push} repository:{source}:pull"
        try:
            response = self._transport.request(
                "POST", path, scope=scope, headers={"Content-Length": "0"}, expected=(201, 202)
            )
        except RegistryDeniedError:
            return False
        response.drain()
        return response.status == 201

    def put_manifest(self, reference: str | Digest, raw: bytes, media_type: str) -> Descriptor:
        """Send a manifest or index under a tag or digest; for old registries, keep its subject's list of referrers.

        Raises:
            RegistryRefusedError: the registry has no such repository.
        """
        path = request.manifest_path(self.name, reference)
        response = self._transport.request(
            "PUT", path, scope=self._push, headers={"Content-Type": media_type}, body=raw, expected=(201,)
        )
        response.drain()
        if response.status != 201:
            raise RegistryRefusedError(f"the registry has no repository {self.name}")
        target = Descriptor.of(media_type, raw)
        subject = json.loads(raw).get("subject")
        if subject is not None and "OCI-Subject" not in response.headers:
            self._keep_referrer(Descriptor.from_json(subject), target, json.loads(raw))
        return target

    def delete(self, reference: str | Digest) -> None:
        """Let the registry forget a tag, or a manifest with all its tags.

        Raises:
            ContentNotFoundError: it is not there.
            RegistryRefusedError: the registry does not do that; some delete manifests but no tags.
        """
        path = request.manifest_path(self.name, reference)
        scope = f"repository:{self.name}:delete,pull,push"
        response = self._transport.request("DELETE", path, scope=scope, expected=(200, 202, 204))
        response.drain()
        if response.status == 404:
            raise ContentNotFoundError(f"{self._transport.base} has no {self.name}:{reference}")

    def tags(self) -> list[str]:
        """Every tag, in the registry's order.

        Raises:
            ContentNotFoundError: there is no such repository.
        """
        found: list[str] = []
        for raw in pages(self._transport, request.tags_path(self.name), scope=self._pull, what="the list of tags"):
            if raw is None:
                raise ContentNotFoundError(
                    f"{self._transport.base} has no repository {self.name}", hint="Check the name and who may see it."
                )
            found += names(raw, "tags")
        return found

    def referrers(self, digest: Digest, artifact_type: str = "") -> list[Descriptor]:
        """The manifests that have `digest` as subject, of one artifact type or all."""
        found: list[Descriptor] = []
        path = request.referrers_path(self.name, digest, artifact_type)
        for raw in pages(self._transport, path, scope=self._pull, what="the list of referrers"):
            if raw is None:
                found = self._fallback(digest)
                break
            found += Index(raw).manifests
        return [item for item in found if not artifact_type or item.artifact_type == artifact_type]

    def _fallback(self, digest: Digest) -> list[Descriptor]:
        try:
            raw, media_type = self.manifest(request.referrers_tag(digest))
        except ContentNotFoundError:  # the fall-back tag comes with the first referrer
            return []
        return list(Index(raw, media_type).manifests)

    def _keep_referrer(self, subject: Descriptor, target: Descriptor, document: dict[str, object]) -> None:
        kept = [item for item in self._fallback(subject.digest) if item.digest != target.digest]
        config = document.get("config")
        default = config.get("mediaType") if isinstance(config, dict) else ""
        annotations = document.get("annotations")
        entry = Descriptor(
            target.media_type,
            target.digest,
            target.size,
            annotations if isinstance(annotations, dict) else {},
            None,
            str(document.get("artifactType") or default or ""),
        )
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item.to_json() for item in [*kept, entry]]}
        self.put_manifest(request.referrers_tag(subject.digest), encode(index), OCI_INDEX)


class Stream:
    """A blob on its way; `offset` is where its first byte lies."""

    def __init__(self, answer: Answer, offset: int) -> None:
        self._answer, self.offset = answer, offset
        self._cut: RegistryUnreachableError | None = None

    @property
    def length(self) -> int | None:
        """How many bytes follow, where the registry says so."""
        text = self._answer.headers.get("Content-Length")
        return int(text) if text.isdigit() else None

    def read(self, size: int = -1) -> bytes:
        """More bytes: `size`, unless fewer follow.

        Raises:
            RegistryUnreachableError: the line was cut; what had come before was given.
        """
        if self._cut is not None:
            raise self._cut
        pieces: list[bytes] = []
        left = _CHUNK if size < 0 else size
        try:
            while left > 0 and (piece := self._answer.read(left)):
                pieces.append(piece)
                left -= len(piece)
        except RegistryUnreachableError as error:
            if not pieces:
                raise
            self._cut = error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the beginning of `buffer` with what comes next; 0 at the end.

        Raises:
            RegistryUnreachableError: the line was cut.
        """
        return self._answer.readinto(buffer)

    def close(self) -> None:
        """Give the connection back."""
        self._answer.close()


def _said(raw: bytes) -> str:
    """The media type that a manifest says it has; empty where it says none, or is none."""
    try:
        return str(json.loads(raw).get("mediaType") or "")
    except (ValueError, RecursionError, AttributeError):
        return ""
