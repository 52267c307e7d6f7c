"""Digests: the names of bytes (OCI image-spec, descriptor.md)."""

import hashlib
from typing import TYPE_CHECKING, Protocol

import msgspec

from dockyard.errors import Error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX = "0123456789abcdef"


class Hasher(Protocol):
    """Takes bytes, piece by piece, and tells their hash, as hashlib's objects do."""

    @property
    def name(self) -> str:
        """The algorithm."""

    def update(self, data: "ReadableBuffer", /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """The hash of all that was taken, in hexadecimal digits."""


class DigestInvalidError(Error):
    """A digest is not of the form `algorithm:hex` with a known algorithm and the right length."""

    reference = "digest-invalid"
    hint = "A digest looks like sha256: followed by 64 lower-case hexadecimal digits."


class Digest(msgspec.Struct, frozen=True, order=True):
    """`algorithm:hex`, valid by construction.

    Raises:
        DigestInvalidError: the algorithm is unknown or the hex part is malformed.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if len(self.hex) != _HEX_LENGTH.get(self.algorithm) or self.hex.strip(_HEX):
            raise DigestInvalidError(f"not a digest: {f'{self.algorithm}:{self.hex}'[:200]!r}")

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """The digest written as `text`."""
        algorithm, _, encoded = text.partition(":")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> "Digest":
        """The digest of `data`."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def hasher(self) -> "Hasher":
        """A fresh one of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, for people."""
        return self.hex[:12]
