"""Signing images: Sigstore bundle v0.3 as referrer, or Cosign 2's tag."""

import base64
from collections.abc import Mapping
from typing import Any, Literal

from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest, encode
from dockyard.oci.mediatype import OCI_CONFIG, OCI_MANIFEST
from dockyard.signing import simple, statement
from dockyard.signing.attest import attest
from dockyard.signing.keys import PrivateKey, signature
from dockyard.signing.place import Place

Format = Literal["bundle", "tag"]


def sign(
    target: Descriptor,
    key: PrivateKey,
    *,
    place: Place,
    name: str = "",
    annotations: Mapping[str, str] | None = None,
    format: Format = "bundle",
) -> Descriptor:
    """Sign the image `target` and put the signature beside it; returns the signature's manifest.

    `name` is registry/repository, which only the tag format records. Adding to a `.sig` tag reads and writes the
    tag, so two signers at once may lose one signature; bundles have no such race.
    """
    if format == "bundle":
        return attest(target, statement.SIGNATURE, {}, key, place=place, annotations=annotations)
    payload = simple.payload(name, target.digest, dict(annotations or {}))
    layer = place.put(simple.LAYER_TYPE, payload).to_json()
    layer["annotations"] = {simple.SIGNATURE_ANNOTATION: base64.b64encode(signature(key, payload)).decode()}
    found = place.resolve(simple.tag(target.digest))
    layers: list[dict[str, Any]] = []
    if found is not None:
        layers = [each.to_json() for each in Manifest(place.read(found, 4 << 20), found.media_type).layers]
    layers.append(layer)
    config = place.put(
        OCI_CONFIG,
        encode(
            {
                "architecture": "",
                "os": "",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in layers]},
            }
        ),
    )
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": layers}
    return place.put_manifest(encode(document), OCI_MANIFEST, simple.tag(target.digest))
