"""in-toto statements: what is said (predicate) about which image (subject)."""

import json
from collections.abc import Mapping
from typing import Any

from dockyard.oci.digest import Digest

TYPE = "https://in-toto.io/Statement/v1"
TYPES = (TYPE, "https://in-toto.io/Statement/v0.1")
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
PROVENANCE = "https://slsa.dev/provenance/v1"
PROVENANCE_BEFORE = "https://slsa.dev/provenance/v0.2"


def encode(
    subject: Digest,
    predicate_type: str,
    predicate: Mapping[str, Any],
    annotations: Mapping[str, str],
    *,
    name: str = "",
) -> bytes:
    """The bytes of a statement about the image `subject`, which is called `name`."""
    about: dict[str, Any] = {**({"name": name} if name else {}), "digest": {subject.algorithm: subject.hex}}
    if annotations:
        about["annotations"] = dict(annotations)
    document = {"_type": TYPE, "subject": [about], "predicateType": predicate_type, "predicate": predicate}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
