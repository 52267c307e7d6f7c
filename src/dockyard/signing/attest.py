"""Attestations: a signed statement about an image, attached to it as a referrer (Cosign's BUNDLE_SPEC.md)."""

import time
from collections.abc import Mapping
from typing import Any

from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_EMPTY, OCI_MANIFEST
from dockyard.signing import bundle, statement
from dockyard.signing.keys import PrivateKey
from dockyard.signing.place import Place


def attest(
    target: Descriptor,
    predicate_type: str,
    predicate: Mapping[str, Any],
    key: PrivateKey,
    *,
    place: Place,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """Sign `predicate` about the image `target` and attach it; returns the referrer, complete when this returns.

    Args:
        target: the image's manifest or index.
        predicate_type: a URI.
        predicate: the JSON document that is signed.
        key: signs it.
        place: where the image is, and the attestation goes.
        annotations: of the subject in the statement.
    """
    raw = bundle.encode(statement.encode(target.digest, predicate_type, predicate, annotations or {}), key)
    layer = place.put(bundle.MEDIA_TYPE, raw)
    config = place.put(OCI_EMPTY, b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": bundle.MEDIA_TYPE,
        "config": config.to_json(),
        "layers": [layer.to_json()],
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
            "org.opencontainers.image.created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
        "subject": Descriptor(target.media_type, target.digest, target.size).to_json(),
    }
    return place.put_manifest(encode(document), OCI_MANIFEST)
