"""What an image's configuration says, and which instruction made each layer. Configurations are strangers' input: what
is not of the form that the image specification demands is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockyard._internal.limits import CONFIG_BYTES
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.oci.config import ConfigInvalidError, ImageConfig
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.trust.inside import Inside

_MOST = 1000
_LONGEST = 10_000


@dataclass(frozen=True)
class Configuration:
    """How an image runs, as far as its configuration says."""

    platform: str
    created: str
    author: str
    user: str
    working_folder: str
    entrypoint: Sequence[str]
    command: Sequence[str]
    environment: Sequence[str]
    ports: Sequence[str]
    volumes: Sequence[str]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """An instruction and the layer that it made; no digest where it made none."""

    instruction: str
    created: str
    comment: str
    digest: str
    media_type: str
    size: int


def image_of(registry: StoredRegistry, name: str, reference: str) -> Image | None:
    """The image that a reference leads to; None for an index or anything else.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN.
    """
    stored = registry.manifest(name, reference)
    found = parse(stored.raw, stored.media_type)
    if not isinstance(found, Manifest) or traits(found.config.media_type).role != "config":
        return None
    return Image(Descriptor(stored.media_type, stored.digest, len(stored.raw)), Inside(registry, name))


def configuration(image: Image) -> Configuration | None:
    """What the image's configuration says; None where it is not here or cannot be read."""
    try:
        config = image.config
        document, execution = config.document, config.execution
    except (Error, OSError):
        return None
    return Configuration(
        _platform(config),
        _text(document.get("created")),
        _text(document.get("author")),
        _text(execution.get("User")),
        _text(execution.get("WorkingDir")),
        _texts(execution.get("Entrypoint")),
        _texts(execution.get("Cmd")),
        _texts(execution.get("Env")),
        sorted(_keys(execution.get("ExposedPorts"))),
        sorted(_keys(execution.get("Volumes"))),
        {key: _text(value) for key, value in sorted(_mapping(execution.get("Labels")).items())[:_MOST]},
    )


def steps(image: Image) -> list[Step]:
    """Every instruction of the image's history, oldest first, with its layer; layers that no instruction speaks of
    come last.

    Raises:
        ManifestInvalidError: the manifest cannot be read.
    """
    layers = list(image.manifest.layers)
    try:
        said = image.config.document.get("history")
    except (Error, OSError):
        said = None
    found: list[Step] = []
    for entry in said if isinstance(said, list) else []:
        known = _mapping(entry)
        layer = None if known.get("empty_layer") is True or not layers else layers.pop(0)
        if len(found) < _MOST or layer is not None:
            found.append(_step(known, layer))
    return found + [_step({}, each) for each in layers]


def platform(registry: StoredRegistry, name: str, target: Descriptor) -> str:
    """The platform in the configuration `target`; empty where it cannot be told.

    Raises:
        ContentNotFoundError: it is not here.
    """
    return _platform(ImageConfig(Inside(registry, name).read(target, CONFIG_BYTES), target.media_type))


def _platform(config: ImageConfig) -> str:
    try:
        return str(config.platform) if config.document.get("os") else ""
    except (Error, ConfigInvalidError, TypeError, AttributeError):
        return ""


def _step(entry: Mapping[str, Any], layer: Descriptor | None) -> Step:
    instruction, created, comment = (_text(entry.get(each)) for each in ("created_by", "created", "comment"))
    if layer is None:
        return Step(instruction, created, comment, "", "", 0)
    return Step(instruction, created, comment, str(layer.digest), layer.media_type, layer.size)


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in value[:_MOST]] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _keys(value: Any) -> list[str]:
    return list(_mapping(value))[:_MOST]
