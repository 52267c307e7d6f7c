"""Checking the signatures and attestations beside an image against public keys.

What is checked: the signature over the exact bytes, and that they speak of this image's digest. The transparency log
is not looked at and nothing here claims so. No socket is opened but those of the `Place`.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.errors import Error, PolicyError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest
from dockyard.signing import bundle, dsse, simple, statement
from dockyard.signing.keys import PublicKey, unbase64
from dockyard.signing.place import Place
from dockyard.signing.sign import Format

_MOST = 1000


class SignatureMissingError(PolicyError):
    """No signature is beside the image."""

    reference = "signature-missing"
    hint = "Sign it: dockyard sign --key cosign.key IMAGE"


class SignatureInvalidError(PolicyError):
    """Signatures are beside the image, but none by the given keys speaks of these very bytes."""

    reference = "signature-invalid"
    hint = "Check that the public key belongs to the signer; otherwise the image or its signature was changed."


@dataclass(frozen=True)
class Verified:
    """One signature that holds: whose, in which format, saying what."""

    key_id: str
    format: Format
    predicate_type: str
    digest: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    predicate: Any = None

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {
            "key_id": self.key_id,
            "format": self.format,
            "predicate_type": self.predicate_type,
            "digest": self.digest,
            "annotations": dict(self.annotations),
            "transparency_log": "not checked",
        }


def verify(
    target: Descriptor, keys: Sequence[PublicKey], *, place: Place, format: Format | None = None
) -> list[Verified]:
    """The signatures of the image `target` that hold under one of `keys`; attestations are not signatures.

    Raises:
        SignatureMissingError: there is none, by anyone.
        SignatureInvalidError: there are, but none holds.
    """
    found, faults = examine(target, keys, place=place, format=format)
    holding = [each for each in found if each.predicate_type in (statement.SIGNATURE, simple.LAYER_TYPE)]
    if holding:
        return holding
    if faults:
        raise SignatureInvalidError(
            f"no signature of {target.digest} holds: {faults[0]}", context={"digest": target.digest}
        )
    raise SignatureMissingError(f"{target.digest} is not signed", context={"digest": target.digest})


def examine(
    target: Descriptor, keys: Sequence[PublicKey], *, place: Place, format: Format | None = None
) -> tuple[list[Verified], list[str]]:
    """All that holds beside `target`, attestations too, and why the rest does not. Refuses nothing itself."""
    found: list[Verified] = []
    faults: list[str] = []
    if format in (None, "bundle"):
        # Old fallback indexes name a wrong artifact type, so the manifests themselves decide.
        likely = [
            each
            for each in place.referrers(target.digest)
            if each.artifact_type in ("", bundle.MEDIA_TYPE, "application/vnd.oci.empty.v1+json")
        ][:_MOST]
        with ThreadPoolExecutor(8) as pool:
            for outcome in pool.map(lambda each: _bundle(each, target, keys, place), likely):
                if isinstance(outcome, Verified):
                    found.append(outcome)
                elif outcome:
                    faults.append(outcome)
    if format in (None, "tag"):
        there = place.resolve(simple.tag(target.digest))
        if there is not None:
            manifest = Manifest(place.read(there, MANIFEST_BYTES), there.media_type)
            for layer in manifest.layers[:_MOST]:
                if layer.media_type == simple.LAYER_TYPE:
                    outcome = _simple(layer, target, keys, place)
                    if isinstance(outcome, Verified):
                        found.append(outcome)
                    else:
                        faults.append(outcome)
    return found, faults


def _bundle(item: Descriptor, target: Descriptor, keys: Sequence[PublicKey], place: Place) -> Verified | str:
    try:
        manifest = Manifest(place.read(item, MANIFEST_BYTES), item.media_type)
        layers = [each for each in manifest.layers if each.media_type == bundle.MEDIA_TYPE]
        if not layers:
            return ""
        if manifest.subject is None or manifest.subject.digest != target.digest:
            return "a referrer's subject is another image"
        envelope = bundle.parse(place.read(layers[0], bundle.BUNDLE_BYTES))
        key = _signer(keys, envelope.signature, dsse.pae(envelope.payload_type, envelope.payload))
        if key is None:
            return "a bundle is signed by none of the given keys"
        if envelope.payload_type != dsse.PAYLOAD_TYPE:
            return f"a bundle holds {envelope.payload_type}"
        document = json.loads(envelope.payload)
        if document["_type"] not in statement.TYPES:
            return "a bundle holds no in-toto statement"
        wanted = target.digest
        about = [each for each in document["subject"] if each["digest"].get(wanted.algorithm) == wanted.hex]
        if not about:
            return "a statement speaks of another image"
        annotations = {str(k): str(v) for k, v in (about[0].get("annotations") or {}).items()}
        kind = str(document["predicateType"])
        return Verified(key.id, "bundle", kind, str(wanted), annotations, document.get("predicate"))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"a bundle is malformed: {error!r}"
    except Error as error:
        if error.exit_code == 3:
            raise
        return error.message


def _simple(layer: Descriptor, target: Descriptor, keys: Sequence[PublicKey], place: Place) -> Verified | str:
    try:
        payload = place.read(layer, simple.PAYLOAD_BYTES)
        key = _signer(keys, unbase64(layer.annotations.get(simple.SIGNATURE_ANNOTATION)), payload)
        if key is None:
            return "a signature is by none of the given keys"
        document = json.loads(payload)
        if Digest.parse(document["critical"]["image"]["docker-manifest-digest"]) != target.digest:
            return "a signature speaks of another image"
        annotations = {str(k): str(v) for k, v in (document.get("optional") or {}).items()}
        return Verified(key.id, "tag", simple.LAYER_TYPE, str(target.digest), annotations)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"a signature is malformed: {error!r}"
    except Error as error:
        if error.exit_code == 3:
            raise
        return error.message


def _signer(keys: Sequence[PublicKey], made: bytes, message: bytes) -> PublicKey | None:
    return next((key for key in keys if key.verifies(made, message)), None)
