"""Private keys as an SSH agent answers for them (draft-ietf-sshm-ssh-agent): they are named, and sign; nothing else."""

import base64
import struct
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from dockyard.errors import UsageError

MOST_BYTES = 256 << 10
"""The longest message that an agent takes."""
_MOST_KEY_BYTES = 100 << 10
_FAILURE, _LIST, _LISTED, _SIGN, _SIGNED = 5, 11, 12, 13, 14
_RSA: dict[int, tuple[bytes, hashes.HashAlgorithm]] = {
    0: (b"ssh-rsa", hashes.SHA1()),  # noqa: S303  # what servers of old ask for; the newer ones set a flag
    2: (b"rsa-sha2-256", hashes.SHA256()),
    4: (b"rsa-sha2-512", hashes.SHA512()),
}
_CURVES: dict[int, tuple[bytes, hashes.HashAlgorithm]] = {
    256: (b"ecdsa-sha2-nistp256", hashes.SHA256()),
    384: (b"ecdsa-sha2-nistp384", hashes.SHA384()),
    521: (b"ecdsa-sha2-nistp521", hashes.SHA512()),
}
Key = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyUnfitError(UsageError):
    """A file that `--ssh` names is neither an agent's socket nor a private key that can be used as it is."""

    reference = "ssh-key-unfit"
    hint = "Write --ssh ID=KEYFILE, or ID=SOCKET for an agent that runs."


def load(path: Path) -> Key:
    """The private key in a file, as `ssh-keygen` writes it or as PEM.

    Raises:
        KeyUnfitError: the file cannot be read, or has no such key, or one with a passphrase.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MOST_KEY_BYTES)
    except OSError as error:
        raise KeyUnfitError(f"the key {path} cannot be read: {error.strerror}") from error
    read = serialization.load_ssh_private_key
    if b"BEGIN OPENSSH PRIVATE KEY" not in data:
        read = serialization.load_pem_private_key  # type: ignore[assignment]  # takes and gives more
    try:
        key = read(data, None)
    except TypeError as error:
        raise KeyUnfitError(
            f"the key {path} has a passphrase", hint="Load it into an agent, which asks for it: ssh-add KEY"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnfitError(f"{path} holds no private key") from error
    if not isinstance(key, Key):
        raise KeyUnfitError(f"the key {path} is of a kind that SSH no longer uses")
    return key


class Keyring:
    """Answers an agent's requests for `keys`."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = {_public(key): key for key in keys}

    def answer(self, request: bytes) -> bytes:
        """The answer to a message, both without their length; a failure to whatever is not known."""
        if request[:1] == bytes([_LIST]):
            named = b"".join(_string(blob) + _string(b"") for blob in self._keys)
            return bytes([_LISTED]) + struct.pack(">I", len(self._keys)) + named
        if request[:1] == bytes([_SIGN]):
            signature = self._signed(request[1:])
            if signature:
                return bytes([_SIGNED]) + _string(signature)
        return bytes([_FAILURE])

    def _signed(self, rest: bytes) -> bytes:
        try:
            blob, rest = _taken(rest)
            data, rest = _taken(rest)
            (flags,) = struct.unpack(">I", rest[:4])
        except (struct.error, ValueError):
            return b""
        key = self._keys.get(blob)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return _string(b"ssh-ed25519") + _string(key.sign(data))
        if isinstance(key, rsa.RSAPrivateKey) and flags in _RSA:
            name, algorithm = _RSA[flags]
            return _string(name) + _string(key.sign(data, padding.PKCS1v15(), algorithm))
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in _CURVES:
            name, algorithm = _CURVES[key.key_size]
            numbers = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
            return _string(name) + _string(b"".join(_string(_integer(each)) for each in numbers))
        return b""


def _public(key: Key) -> bytes:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return base64.b64decode(key.public_key().public_bytes(*form).split()[1])


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _integer(number: int) -> bytes:
    """A positive number as SSH writes it: with room for the sign."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _taken(data: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + size:
        raise ValueError("the message ends early")
    return data[4 : 4 + size], data[4 + size :]
