"""Keys: Cosign's encrypted key file (scrypt and secretbox), plain PKCS#8, PKIX public keys."""

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from dockyard.errors import Error, UsageError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
# Anything else could be chosen to exhaust memory or time: legacy, standard, OWASP.
_ALLOWED = frozenset({(1 << 15, 8, 1), (1 << 16, 8, 1), (1 << 17, 8, 1)})
_STANDARD = 1 << 16
_MEMORY = 256 << 20
KEY_BYTES = 64 << 10


class KeyInvalidError(UsageError):
    """A key file is not a key that Dockyard can use: damaged, too large, or of another kind."""

    reference = "key-invalid"
    hint = "`dockyard keygen` makes a pair; ECDSA (P-256, P-384, P-521) and RSA keys are read."


class PasswordWrongError(Error):
    """The password does not open the private key, or the file was changed."""

    reference = "password-wrong"
    hint = "Set COSIGN_PASSWORD to the password given to keygen."


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures. `id` is base64(sha256(SPKI)), which Cosign writes as the hint."""

    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    id: str

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` over `message` was made by the matching private key."""
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                self.key.verify(signature, message, ec.ECDSA(_hash(self.key.curve)))
        except InvalidSignature:
            return False
        return True


def _hash(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    return {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[curve.key_size]


def generate(password: bytes) -> tuple[bytes, bytes]:
    """A new P-256 pair: the private key in Cosign's encrypted file, the public key as PEM."""
    import nacl.secret

    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    salt, nonce = os.urandom(32), os.urandom(24)
    box = nacl.secret.SecretBox(_derive(password, salt, _STANDARD, 8, 1))
    document = {
        "kdf": {"name": "scrypt", "params": {"N": _STANDARD, "r": 8, "p": 1}, "salt": _b64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _b64(nonce)},
        "ciphertext": _b64(box.encrypt(der, nonce).ciphertext),
    }
    body = _b64(json.dumps(document, separators=(",", ":")).encode())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    private = "\n".join([f"-----BEGIN {_LABELS[0]}-----", *lines, f"-----END {_LABELS[0]}-----", ""]).encode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def load_private(pem: bytes, password: bytes) -> PrivateKey:
    """The private key in `pem`: Cosign's encrypted file, or PKCS#8.

    Raises:
        KeyInvalidError: not such a file, or its scrypt parameters are none of Cosign's three.
        PasswordWrongError: the password does not open it.
    """
    if len(pem) > KEY_BYTES:
        raise KeyInvalidError(f"a key file is larger than {KEY_BYTES} bytes")
    encrypted = any(f"-----BEGIN {label}-----".encode() in pem for label in _LABELS)
    try:
        if encrypted:
            key: Any = serialization.load_der_private_key(_opened(pem, password), None)
        elif b"BEGIN ENCRYPTED PRIVATE KEY" in pem:
            raise KeyInvalidError("PKCS#8 files with a password are not supported yet")
        else:
            key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise KeyInvalidError("the file holds no private key that can be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyInvalidError(f"keys of the kind {type(key).__name__} are not supported yet")
    public_of(key)
    return key


def _opened(pem: bytes, password: bytes) -> bytes:
    import nacl.exceptions
    import nacl.secret

    body = b"".join(line.strip() for line in pem.strip().splitlines() if not line.startswith(b"-----"))
    try:
        document = json.loads(base64.b64decode(body, validate=True))
        kdf, cipher = document["kdf"], document["cipher"]
        if kdf["name"] != "scrypt" or cipher["name"] != "nacl/secretbox":
            raise KeyInvalidError("a key file is not locked with scrypt and nacl/secretbox")
        parameters = (kdf["params"]["N"], kdf["params"]["r"], kdf["params"]["p"])
        salt, nonce = base64.b64decode(kdf["salt"]), base64.b64decode(cipher["nonce"])
        locked = base64.b64decode(document["ciphertext"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise KeyInvalidError(f"a key file is damaged: {error!r}") from error
    if parameters not in _ALLOWED:
        raise KeyInvalidError(f"a key file asks for scrypt parameters {parameters} that Cosign never writes")
    try:
        return nacl.secret.SecretBox(_derive(password, salt, *parameters)).decrypt(locked, nonce)
    except nacl.exceptions.CryptoError as error:
        raise PasswordWrongError("the password does not open the private key") from error


def _derive(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=32, maxmem=_MEMORY)


def load_public(pem: bytes) -> PublicKey:
    """The public key in `pem`.

    Raises:
        KeyInvalidError: not a public key of a supported kind.
    """
    if len(pem) > KEY_BYTES:
        raise KeyInvalidError(f"a key file is larger than {KEY_BYTES} bytes")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise KeyInvalidError("the file holds no public key that can be read") from error
    return _public(key)


def public_of(key: PrivateKey) -> PublicKey:
    """The public half of `key`."""
    return _public(key.public_key())


def _public(key: Any) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey):
        supported = key.curve.key_size in (256, 384, 521) and key.curve.name.startswith("secp")
        supported = supported and key.curve.name != "secp256k1"
    else:
        supported = isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048
    if not supported:
        raise KeyInvalidError(f"keys of the kind {type(key).__name__} or that size are not supported yet")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(key, _b64(hashlib.sha256(der).digest()))


def signature(key: PrivateKey, message: bytes) -> bytes:
    """The signature of `key` over `message`: ECDSA in DER with the curve's hash, or RSA PKCS#1 v1.5."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(_hash(key.curve)))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unbase64(text: object) -> bytes:
    """Standard or URL-safe base64, as DSSE asks of verifiers.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(text, str):
        raise ValueError("not base64 text")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
