"""Media types: one table, no switches elsewhere."""

from typing import Literal

import msgspec

Role = Literal["index", "manifest", "config", "layer", "other"]
Compression = Literal["none", "gzip", "zstd", "sniff"]
Family = Literal["oci", "docker"]


class Traits(msgspec.Struct, frozen=True):
    """What is known of a media type. `sniff`: the type does not say; look at the first bytes."""

    role: Role
    compression: Compression = "none"
    distributable: bool = True


_OCI, _DOCKER = "application/vnd.oci.image", "application/vnd.docker"

OCI_INDEX = f"{_OCI}.index.v1+json"
OCI_MANIFEST = f"{_OCI}.manifest.v1+json"
OCI_CONFIG = f"{_OCI}.config.v1+json"
OCI_LAYER = f"{_OCI}.layer.v1.tar"
OCI_LAYER_GZIP = f"{_OCI}.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = f"{_OCI}.layer.v1.tar+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = f"{_DOCKER}.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST = f"{_DOCKER}.distribution.manifest.list.v2+json"
DOCKER_CONFIG = f"{_DOCKER}.container.image.v1+json"
DOCKER_LAYER = f"{_DOCKER}.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = f"{_DOCKER}.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD = f"{_DOCKER}.image.rootfs.diff.tar.zstd"

_TABLE: dict[str, Traits] = {
    OCI_INDEX: Traits("index"),
    OCI_MANIFEST: Traits("manifest"),
    OCI_CONFIG: Traits("config"),
    OCI_LAYER: Traits("layer"),
    OCI_LAYER_GZIP: Traits("layer", "gzip"),
    OCI_LAYER_ZSTD: Traits("layer", "zstd"),
    f"{_OCI}.layer.nondistributable.v1.tar": Traits("layer", "none", False),
    f"{_OCI}.layer.nondistributable.v1.tar+gzip": Traits("layer", "gzip", False),
    f"{_OCI}.layer.nondistributable.v1.tar+zstd": Traits("layer", "zstd", False),
    DOCKER_MANIFEST_LIST: Traits("index"),
    DOCKER_MANIFEST: Traits("manifest"),
    DOCKER_CONFIG: Traits("config"),
    DOCKER_LAYER: Traits("layer", "sniff"),
    DOCKER_LAYER_GZIP: Traits("layer", "gzip"),
    DOCKER_LAYER_ZSTD: Traits("layer", "zstd"),
    f"{_DOCKER}.image.rootfs.foreign.diff.tar.gzip": Traits("layer", "gzip", False),
}
_OTHER = Traits("other", compression="sniff")
_SAME = {
    OCI_INDEX: DOCKER_MANIFEST_LIST,
    OCI_MANIFEST: DOCKER_MANIFEST,
    OCI_CONFIG: DOCKER_CONFIG,
    OCI_LAYER: DOCKER_LAYER,
    OCI_LAYER_GZIP: DOCKER_LAYER_GZIP,
    OCI_LAYER_ZSTD: DOCKER_LAYER_ZSTD,
}
_BACK = {docker: oci for oci, docker in _SAME.items()}

MANIFEST_TYPES: tuple[str, ...] = tuple(name for name, known in _TABLE.items() if known.role in ("index", "manifest"))
"""What a client says it accepts when it asks for a manifest."""


def traits(media_type: str) -> Traits:
    """What the table knows of a media type; unknown types are kept, never refused."""
    return _TABLE.get(media_type.partition(";")[0].strip(), _OTHER)


def named(media_type: str, family: Family) -> str:
    """The same thing's media type in the other specification, or as it is where that has none."""
    return (_SAME if family == "docker" else _BACK).get(media_type, media_type)
