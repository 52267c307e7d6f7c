"""What a store holds under a digest whose media type is not known."""

import json

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.content.layout import Layout
from dockyard.content.store import read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST


def held(store: Layout, digest: Digest) -> Descriptor | None:
    """The descriptor of the manifest or index `digest`, if the store has it."""
    path = store.blob_path(digest)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    if size > MANIFEST_BYTES:
        return None
    raw = read(store, Descriptor(OCI_MANIFEST, digest, size))
    try:
        document = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    default = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    return Descriptor(str(document.get("mediaType") or default), digest, size)
