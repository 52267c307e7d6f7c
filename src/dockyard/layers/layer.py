"""Layers: one change to a file system each."""

from collections.abc import Iterator
from typing import BinaryIO, cast

import msgspec

from dockyard._internal.limits import most_unpacked
from dockyard.content.store import Reader
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.fault import ArchiveInvalidError, LayerMismatchError
from dockyard.layers.members import members
from dockyard.layers.tar import Entry
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import traits


class Layer(msgspec.Struct, frozen=True):
    """The descriptor of a layer's blob, the digest of its uncompressed tar, and where to read it."""

    descriptor: Descriptor
    diff_id: Digest
    source: Reader

    def open(self) -> BinaryIO:
        """The compressed bytes, verified."""
        return self.source.open(self.descriptor)

    def open_uncompressed(self) -> BinaryIO:
        """The tar's bytes; the compressed bytes underneath are verified when read to the end."""
        compression = traits(self.descriptor.media_type).compression
        return open_uncompressed(self.open(), compression, most=most_unpacked(self.descriptor.size))

    def entries(self, *, check: bool = False) -> Iterator[tuple[Entry, BinaryIO]]:
        """Every member with its content (see `layers.members`); the blob is verified when the last has been passed.

        Args:
            check: whether the tar is verified against the diff ID, too, which an image from elsewhere only claims.

        Raises:
            DigestMismatchError: the blob is not the one that its name says, even where that shows first as nonsense.
            ArchiveInvalidError: the blob is what its name says, but no layer.
            LayerMismatchError: the tar is not the one that the diff ID names.
        """
        try:
            with self.open_uncompressed() as plain:
                stream = cast("BinaryIO", _Hashing(plain, self.diff_id)) if check else plain
                yield from members(stream, most=most_unpacked(self.descriptor.size))
                # The end mark is followed by padding; reading it makes the verified reader reach the blob's end.
                while stream.read(1 << 20):
                    pass
                if isinstance(stream, _Hashing):
                    stream.verify()
        except ArchiveInvalidError:
            with self.open() as blob:
                while blob.read(1 << 20):
                    pass
            raise

    def verify(self) -> None:
        """Read all of it and compare blob and tar with their digests.

        Raises:
            DigestMismatchError, ArchiveInvalidError: the blob is damaged.
            LayerMismatchError: the tar is not the one that the diff ID names.
        """
        with self.open_uncompressed() as plain:
            stream = _Hashing(plain, self.diff_id)
            while stream.read(1 << 20):
                pass
            stream.verify()


class _Hashing:
    """A stream whose bytes are hashed on their way, to be compared with a digest at the end."""

    def __init__(self, stream: BinaryIO, wanted: Digest) -> None:
        self._stream, self._wanted = stream, wanted
        self._hash = wanted.hasher()

    def read(self, size: int = -1) -> bytes:
        """Bytes of the stream."""
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def verify(self) -> None:
        """Compare what was read.

        Raises:
            LayerMismatchError: it is something else.
        """
        found = Digest(self._wanted.algorithm, self._hash.hexdigest())
        if found != self._wanted:
            raise LayerMismatchError(
                f"a layer holds another tar than its diff ID says: {found.short}",
                context={"diff ID": self._wanted, "found": found},
            )
