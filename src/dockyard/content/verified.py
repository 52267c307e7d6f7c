"""Readers that cannot be talked into giving other bytes than those named."""

import io
from typing import TYPE_CHECKING, BinaryIO

from dockyard.content.store import DigestMismatchError
from dockyard.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class VerifiedReader(io.RawIOBase):
    """A stream that ends well only after exactly the bytes of `target`.

    The end of the stream is reported only once size and digest agree, so a caller that reads to the end needs no
    check of its own. Never reads beyond the named size.
    """

    def __init__(self, stream: BinaryIO, target: Descriptor) -> None:
        super().__init__()
        self._stream = stream
        self._target = target
        self._hash = target.digest.hasher()
        self._seen = 0
        self._verified = False

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read into `buffer`; 0 at the verified end.

        Raises:
            DigestMismatchError: the stream is too short, too long or different.
        """
        view = memoryview(buffer).cast("B")
        data = (
            self._stream.read(min(len(view), self._target.size - self._seen)) if self._seen < self._target.size else b""
        )
        if data:
            self._hash.update(data)
            self._seen += len(data)
            view[: len(data)] = data
            if self._seen == self._target.size:
                self._verify()
            return len(data)
        if len(view):
            self._verify()
        return 0

    def _verify(self) -> None:
        if self._verified:
            return
        name = self._target.digest
        if self._seen != self._target.size:
            raise DigestMismatchError(
                f"{name} ends after {self._seen} of {self._target.size} bytes", context={"digest": name}
            )
        if self._stream.read(1):
            raise DigestMismatchError(f"{name} is longer than {self._target.size} bytes", context={"digest": name})
        if self._hash.hexdigest() != name.hex:
            raise DigestMismatchError(f"the content of {name} is not what its name says", context={"digest": name})
        self._verified = True

    def close(self) -> None:
        """Close the stream underneath, too."""
        if not self.closed:
            self._stream.close()
        super().close()


def verified(stream: BinaryIO, target: Descriptor) -> BinaryIO:
    """`stream`, buffered, as a `VerifiedReader` of `target`."""
    return io.BufferedReader(VerifiedReader(stream, target), 1 << 18)
