"""Sigstore bundles v0.3 with a DSSE envelope, as Cosign 3 attaches them to images."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from dockyard.errors import Error
from dockyard.signing import dsse
from dockyard.signing.keys import PrivateKey, public_of, signature, unbase64

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_BYTES = 64 << 20


class BundleInvalidError(Error):
    """A Sigstore bundle beside an image is malformed or of a kind that Dockyard does not read."""

    reference = "bundle-invalid"
    hint = "Bundles v0.3 with one DSSE signature by a key are read; certificates are not supported yet."


@dataclass(frozen=True)
class Envelope:
    """What a bundle holds: payload, its type, one signature."""

    payload: bytes
    payload_type: str
    signature: bytes


def encode(payload: bytes, key: PrivateKey) -> bytes:
    """The bytes of a bundle with `payload` signed by `key`; no log entry."""
    made = signature(key, dsse.pae(dsse.PAYLOAD_TYPE, payload))
    document = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": public_of(key).id}},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": dsse.PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(made).decode()}],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


def parse(raw: bytes) -> Envelope:
    """The envelope in a bundle.

    Raises:
        BundleInvalidError: it is malformed, or has not exactly one signature.
    """
    try:
        document: Any = json.loads(raw)
        envelope = document["dsseEnvelope"]
        (only,) = envelope["signatures"]
        return Envelope(unbase64(envelope["payload"]), str(envelope["payloadType"]), unbase64(only["sig"]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleInvalidError(f"a Sigstore bundle is malformed: {error!r}") from error
