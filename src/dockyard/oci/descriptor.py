"""Descriptors: the only way one object points to another (image-spec, descriptor.md)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from dockyard.errors import Error
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform


class DescriptorInvalidError(Error):
    """A descriptor lacks its media type, digest or size, or one of them is malformed."""

    reference = "descriptor-invalid"
    hint = "The manifest or index that holds it is damaged or hostile; fetch it again or ask who made it."


class Descriptor(msgspec.Struct, frozen=True):
    """Media type, digest and size in bytes of an object, with annotations and, in an index, its platform."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str = ""

    def __hash__(self) -> int:
        return hash((self.media_type, self.digest, self.size, self.platform, self.artifact_type))

    @classmethod
    def from_json(cls, document: Any) -> "Descriptor":
        """The descriptor in a parsed manifest or index.

        Raises:
            DescriptorInvalidError, DigestInvalidError: a part is missing or malformed.
        """
        if not isinstance(document, Mapping):
            raise DescriptorInvalidError("a descriptor is not a JSON object")
        media_type, digest, size = (document.get(key) for key in ("mediaType", "digest", "size"))
        if not isinstance(media_type, str) or not isinstance(digest, str):
            raise DescriptorInvalidError("a descriptor lacks its media type or digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise DescriptorInvalidError(f"a descriptor has no valid size: {size!r}", context={"digest": digest[:200]})
        annotations = document.get("annotations") or {}
        platform = document.get("platform")
        return cls(
            media_type,
            Digest.parse(digest),
            size,
            {str(k): str(v) for k, v in annotations.items()} if isinstance(annotations, Mapping) else {},
            Platform.from_json(platform) if isinstance(platform, Mapping) else None,
            str(document.get("artifactType") or ""),
        )

    @classmethod
    def of(cls, media_type: str, data: bytes) -> "Descriptor":
        """The descriptor of `data`."""
        return cls(media_type, Digest.of(data), len(data))

    def to_json(self) -> dict[str, Any]:
        """As a manifest or index writes it."""
        out: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.annotations:
            out["annotations"] = dict(self.annotations)
        if self.platform is not None:
            out["platform"] = self.platform.to_json()
        if self.artifact_type:
            out["artifactType"] = self.artifact_type
        return out
