"""Manifests and indexes: views over raw bytes that are never serialised again (image-spec, manifest.md)."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from dockyard._internal.wellformed import wellformed
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST, traits


class ManifestInvalidError(Error):
    """A manifest or index is not the JSON that its specification demands."""

    reference = "manifest-invalid"
    hint = "The image is damaged or hostile, or of a kind from before 2016 (schema 1), which must be pushed anew."


def encode(document: Mapping[str, Any]) -> bytes:
    """The bytes of a new manifest, index or config: keys in the given order, no spaces, as Go writes them."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return wellformed(text).encode()


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalidError(f"a manifest is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ManifestInvalidError("a manifest is not a JSON object")
    if document.get("schemaVersion") != 2:
        raise ManifestInvalidError(f"a manifest has schema version {document.get('schemaVersion')!r}, not 2")
    return document


def _descriptors(document: Mapping[str, Any], key: str) -> list[Descriptor]:
    found = document.get(key)
    if found is None and key in document:
        return []  # Go's encoder writes an empty list as null
    if not isinstance(found, list):
        raise ManifestInvalidError(f"a manifest has no list of {key}")
    return [Descriptor.from_json(item) for item in found]


class Manifest(msgspec.Struct, frozen=True, dict=True):
    """An image manifest. Parsed when first looked at.

    Raises (from any view):
        ManifestInvalidError, DescriptorInvalidError, DigestInvalidError: the bytes are not a manifest.
    """

    raw: bytes
    media_type: str = OCI_MANIFEST

    @cached_property
    def document(self) -> dict[str, Any]:
        """The parsed JSON, unknown fields included."""
        return _parse(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of these very bytes."""
        return Descriptor.of(self.media_type, self.raw)

    @cached_property
    def config(self) -> Descriptor:
        """The descriptor of the config."""
        return Descriptor.from_json(self.document.get("config"))

    @cached_property
    def layers(self) -> Sequence[Descriptor]:
        """The descriptors of the layers, lowest first."""
        return _descriptors(self.document, "layers")

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one refers to, if any."""
        subject = self.document.get("subject")
        return None if subject is None else Descriptor.from_json(subject)

    @property
    def annotations(self) -> dict[str, str]:
        """The manifest's annotations."""
        return dict(self.document.get("annotations") or {})

    @property
    def artifact_type(self) -> str:
        """The artifact type, which falls back to the config's media type."""
        return str(self.document.get("artifactType") or self.config.media_type)

    @property
    def references(self) -> list[Descriptor]:
        """Every child: config, then layers. The subject is not a child."""
        return [self.config, *self.layers]


class Index(msgspec.Struct, frozen=True, dict=True):
    """An image index, or Docker's manifest list. Parsed when first looked at; raises as `Manifest` does."""

    raw: bytes
    media_type: str = OCI_INDEX

    @cached_property
    def document(self) -> dict[str, Any]:
        """The parsed JSON, unknown fields included."""
        return _parse(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of these very bytes."""
        return Descriptor.of(self.media_type, self.raw)

    @cached_property
    def manifests(self) -> Sequence[Descriptor]:
        """The descriptors of the manifests."""
        return _descriptors(self.document, "manifests")

    @property
    def references(self) -> list[Descriptor]:
        """Every child."""
        return list(self.manifests)


def parse(raw: bytes, media_type: str) -> Manifest | Index:
    """The view that fits `media_type`.

    Raises:
        ManifestInvalidError: `media_type` is neither a manifest's nor an index's.
    """
    role = traits(media_type).role
    if role == "index":
        return Index(raw, media_type)
    if role == "manifest":
        return Manifest(raw, media_type)
    raise ManifestInvalidError(f"not a manifest's media type: {media_type!r}")
