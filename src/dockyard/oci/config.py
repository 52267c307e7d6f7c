"""Image configurations (image-spec, config.md, with Docker's extra fields such as Healthcheck)."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_CONFIG
from dockyard.oci.platform import Platform


class ConfigInvalidError(Error):
    """An image configuration is not the JSON that the image specification demands."""

    reference = "config-invalid"
    hint = "The image is damaged or hostile; fetch it again or ask who made it."


class ImageConfig(msgspec.Struct, frozen=True, dict=True):
    """A view over the raw bytes of a configuration; parsed when first looked at.

    Raises (from any view):
        ConfigInvalidError: the bytes are not a configuration.
    """

    raw: bytes
    media_type: str = OCI_CONFIG

    @cached_property
    def document(self) -> dict[str, Any]:
        """The parsed JSON, unknown fields included.

        Raises:
            ConfigInvalidError: it is not a JSON object.
        """
        try:
            document = json.loads(self.raw)
        except (ValueError, RecursionError) as error:
            raise ConfigInvalidError(f"an image configuration is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise ConfigInvalidError("an image configuration is not a JSON object")
        return document

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of these very bytes; its digest is the image ID."""
        return Descriptor.of(self.media_type, self.raw)

    @property
    def platform(self) -> Platform:
        """The platform that the image is for."""
        return Platform.from_json(self.document)

    @cached_property
    def diff_ids(self) -> Sequence[Digest]:
        """The digests of the uncompressed layers, lowest first.

        Raises:
            ConfigInvalidError: there is no list of them.
            DigestInvalidError: one of them is no digest.
        """
        rootfs = self.document.get("rootfs")
        found = rootfs.get("diff_ids") if isinstance(rootfs, Mapping) else None
        if found is None and isinstance(rootfs, Mapping) and "diff_ids" in rootfs:
            return []  # Go's encoder writes an empty list as null
        if not isinstance(found, list):
            raise ConfigInvalidError("an image configuration has no list of diff IDs")
        return [Digest.parse(str(item)) for item in found]

    @property
    def history(self) -> list[dict[str, Any]]:
        """How each layer came to be, oldest first; entries with `empty_layer` made none."""
        return [dict(item) for item in self.document.get("history") or []]

    @property
    def execution(self) -> dict[str, Any]:
        """The `config` object: Env, Cmd, Entrypoint, User, WorkingDir, Labels, Healthcheck and so on.

        Raises:
            ConfigInvalidError: it is there and is not a JSON object.
        """
        found = self.document.get("config") or {}
        if not isinstance(found, Mapping):
            raise ConfigInvalidError("an image configuration's config is not a JSON object")
        return dict(found)

    @property
    def environment(self) -> dict[str, str]:
        """Env as a mapping; later entries win."""
        pairs = (str(item).partition("=") for item in self.execution.get("Env") or [])
        return {name: value for name, _, value in pairs}
