"""Signatures and attestations beside images, and everything that must not pass for one."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.oci.digest import Digest
from dockyard.signing import keys, statement
from dockyard.signing.attest import attest
from dockyard.signing.place import LocalPlace
from dockyard.signing.sign import Format, sign
from dockyard.signing.verify import SignatureInvalidError, SignatureMissingError, examine, verify
from making.images import synthesize

KEY, ANOTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PUBLIC, OTHER = keys.public_of(KEY), keys.public_of(ANOTHER)
FORMATS: list[Format] = ["bundle", "tag"]


@pytest.fixture
def store(tmp_path: Path) -> Layout:
    return Layout(tmp_path, create=True)


def place(store: Layout) -> LocalPlace:
    return LocalPlace(store, "docker.io/library/x")


@pytest.mark.parametrize("format", FORMATS)
def test_a_signature_holds_for_its_image_and_key_alone(store: Layout, format: Format) -> None:
    target, other = synthesize(store, 1).descriptor, synthesize(store, 2).descriptor
    with pytest.raises(SignatureMissingError):
        verify(target, [PUBLIC], place=place(store))
    sign(target, KEY, place=place(store), name="docker.io/library/x", annotations={"by": "me"}, format=format)
    (found,) = verify(target, [OTHER, PUBLIC], place=place(store))
    assert (found.key_id, found.format, found.digest) == (PUBLIC.id, format, str(target.digest))
    assert dict(found.annotations) == {"by": "me"}
    assert found.to_json()["transparency_log"] == "not checked"
    with pytest.raises(SignatureInvalidError):
        verify(target, [OTHER], place=place(store))
    with pytest.raises(SignatureMissingError):
        verify(other, [PUBLIC], place=place(store))


@pytest.mark.parametrize("format", FORMATS)
def test_a_signature_that_is_put_beside_another_image_does_not_hold(store: Layout, format: Format) -> None:
    target, other = synthesize(store, 1).descriptor, synthesize(store, 2).descriptor
    made = sign(target, KEY, place=place(store), name="docker.io/library/x", format=format)
    raw = store.blob_path(made.digest).read_bytes()
    if format == "bundle":
        moved = raw.replace(target.digest.hex.encode(), other.digest.hex.encode())
        document = json.loads(moved)
        document["subject"]["size"] = other.size
        place(store).put_manifest(json.dumps(document).encode(), made.media_type)
    else:
        place(store).put_manifest(raw, made.media_type, tag=f"sha256-{other.digest.hex}.sig")
    with pytest.raises(SignatureInvalidError):
        verify(other, [PUBLIC], place=place(store))


def _tampered(store: Layout, digest: Digest, change: Callable[[bytes], bytes]) -> None:
    """Replace the signed layer of a signature by other bytes, consistently named."""
    document = json.loads(store.blob_path(digest).read_bytes())
    layer = document["layers"][0]
    data = change(store.blob_path(Digest.parse(layer["digest"])).read_bytes())
    added = store.add(layer["mediaType"], data)
    layer["digest"], layer["size"] = str(added.digest), added.size
    store.detach(digest)
    place(store).put_manifest(json.dumps(document).encode(), "application/vnd.oci.image.manifest.v1+json")


def test_a_bundle_whose_statement_was_changed_does_not_hold(store: Layout) -> None:
    target = synthesize(store, 1).descriptor
    made = sign(target, KEY, place=place(store), annotations={"stage": "test"})

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        payload = base64.b64decode(document["dsseEnvelope"]["payload"]).replace(b"test", b"prod")
        document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        return json.dumps(document).encode()

    _tampered(store, made.digest, change)
    with pytest.raises(SignatureInvalidError):
        verify(target, [PUBLIC], place=place(store))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"dsseEnvelope":{"payload":"!!","signatures":[]}}'])
def test_nonsense_in_place_of_a_bundle_is_no_signature_and_no_crash(store: Layout, data: bytes) -> None:
    target = synthesize(store, 1).descriptor
    made = sign(target, KEY, place=place(store))
    _tampered(store, made.digest, lambda _: data)
    with pytest.raises(SignatureInvalidError):
        verify(target, [PUBLIC], place=place(store))


def test_an_attestation_is_found_with_its_predicate_and_is_no_signature(store: Layout) -> None:
    target = synthesize(store, 1).descriptor
    attest(target, statement.CYCLONEDX, {"bomFormat": "CycloneDX"}, KEY, place=place(store))
    found, _ = examine(target, [PUBLIC], place=place(store))
    assert [(each.predicate_type, each.predicate) for each in found] == [
        (statement.CYCLONEDX, {"bomFormat": "CycloneDX"})
    ]


@pytest.fixture(scope="module")
def files() -> tuple[bytes, bytes]:
    """A private and a public key's file, as made by the program."""
    return keys.generate(b"secret")


def test_key_files_open_only_with_their_password(files: tuple[bytes, bytes]) -> None:
    private, public = files
    assert b"ENCRYPTED SIGSTORE PRIVATE KEY" in private
    key = keys.load_private(private, b"secret")
    assert keys.load_public(public).verifies(keys.signature(key, b"x"), b"x")
    with pytest.raises(Error) as caught:
        keys.load_private(private, b"wrong")
    assert caught.value.reference
    for data in (b"", b"nonsense", public, private[:80]):
        with pytest.raises(Error):
            keys.load_private(data, b"secret")
    with pytest.raises(Error):
        keys.load_public(private)


def test_key_files_with_other_scrypt_parameters_are_refused_before_they_cost_anything(
    files: tuple[bytes, bytes],
) -> None:
    lines = files[0].decode().splitlines()
    document = json.loads(base64.b64decode("".join(lines[1:-1])))
    document["kdf"]["params"]["N"] = 1 << 28
    body = base64.b64encode(json.dumps(document).encode()).decode()
    with pytest.raises(Error):
        keys.load_private("\n".join([lines[0], body, lines[-1], ""]).encode(), b"secret")
