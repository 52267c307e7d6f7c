"""Cosign 2's format: a simple-signing payload as a layer of an image at the tag `sha256-<hex>.sig`."""

import json

from dockyard.oci.digest import Digest

LAYER_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
PAYLOAD_BYTES = 1 << 20


def tag(digest: Digest) -> str:
    """Where the signatures of the image `digest` are."""
    return f"{digest.algorithm}-{digest.hex}.sig"


def payload(name: str, digest: Digest, annotations: dict[str, str]) -> bytes:
    """The bytes signed, as Go writes them; `name` is registry/repository."""
    document = {
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": str(digest)},
            "type": "cosign container image signature",
        },
        "optional": annotations or None,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
