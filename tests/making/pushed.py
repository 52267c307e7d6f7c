"""Content pushed into a registry through its interface, and a registry to push it to."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from dockyard.registry.interface import Registry, Writer
from dockyard.server.instance import Instance, open_instance
from dockyard.server.settings import Settings
from making.folders import registry_folder

LAYER = "application/vnd.oci.image.layer.v1.tar"


@contextmanager
def opened(folder: Path, *, grace: int = 24 * 3600, database: str = "") -> Iterator[Instance]:
    """A server's parts over a folder, without its threads."""
    instance = open_instance(Settings(storage=str(registry_folder(folder)), grace=grace, database=database))
    try:
        yield instance
    finally:
        instance.close()


def blob(registry: Writer, name: str, data: bytes, algorithm: str = "sha256") -> Digest:
    """Push a blob."""
    digest = Digest.of(data, algorithm)
    upload = registry.begin(name, algorithm)
    registry.append(name, upload, data)
    registry.finish(name, upload, digest)
    return digest


def descriptor(media_type: str, digest: Digest, size: int) -> dict[str, object]:
    """A descriptor as JSON."""
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def manifest(config: bytes, layers: Sequence[bytes], subject: Digest | None = None, note: str = "") -> bytes:
    """The bytes of a manifest."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, Digest.of(config), len(config)),
        "layers": [descriptor(LAYER, Digest.of(each), len(each)) for each in layers],
    }
    if subject is not None:
        document["subject"] = descriptor(OCI_MANIFEST, subject, 2)
    if note:
        document["annotations"] = {"note": note}
    return json.dumps(document).encode()


def image(
    registry: Registry,
    name: str,
    tag: str = "",
    layers: Sequence[bytes] = (b"layer",),
    *,
    subject: Digest | None = None,
    note: str = "",
) -> Digest:
    """Push an image with its blobs; without a tag by digest."""
    config = b"{}" + note.encode()
    for each in (config, *layers):
        blob(registry, name, each)
    raw = manifest(config, layers, subject, note)
    return registry.put_manifest(name, tag or str(Digest.of(raw)), raw, OCI_MANIFEST).digest


def index(registry: Registry, name: str, tag: str, children: Sequence[Digest]) -> Digest:
    """Push an index over manifests that are there."""
    items = [descriptor(OCI_MANIFEST, each, len(registry.manifest(name, str(each)).raw)) for each in children]
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": items}).encode()
    return registry.put_manifest(name, tag or str(Digest.of(raw)), raw, OCI_INDEX).digest
