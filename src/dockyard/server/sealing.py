"""Encryption at rest of secrets that the server must be able to read again.

The key is a file beside the storage, so that a copy of the database alone gives nothing away. AES-256-GCM; what
a secret is for is authenticated with it, so that one cannot be put in another's place.
"""

import base64
import binascii
import os
from pathlib import Path

from dockyard._internal import atomic
from dockyard._internal.lock import locked
from dockyard.errors import Error

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "1:"


class SealBrokenError(Error):
    """A secret in the registry's database cannot be read with the key in the file `secrets.key`."""

    reference = "seal-broken"
    hint = "Every server of one database needs the same secrets.key. If it is lost, set the secrets anew."


class Seal:
    """Seals and opens texts with the key in the file `path`, which is made where it is not there yet (mode 0600)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seal(self, text: str, purpose: str) -> str:
        """The text, unreadable; the same text gives something else every time. An empty text stays empty."""
        if not text:
            return ""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key()).encrypt(nonce, text.encode(), purpose.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """What was sealed for this purpose.

        Raises:
            SealBrokenError: the key is another one, or the text was changed or was sealed for something else.
        """
        if not sealed:
            return ""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
            return AESGCM(self._key()).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SealBrokenError(f"a secret for {purpose} cannot be opened", context={"key": self._path}) from error

    def _key(self) -> bytes:
        if not self._path.exists():
            with locked(self._path.with_name(f".{self._path.name}.lock")):
                if not self._path.exists():
                    atomic.write(self._path, os.urandom(_KEY_BYTES), mode=0o600)
        key = self._path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise SealBrokenError(f"{self._path} does not hold a key", context={"key": self._path})
        return key
