"""Layers: one change to a file system each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dockyard.content.store import Reader
from dockyard.layers import tar
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.tar import ArchiveInvalidError, Entry
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import traits


@dataclass(frozen=True)
class Layer:
    """The descriptor of a layer's blob, the digest of its uncompressed tar, and where to read it."""

    descriptor: Descriptor
    diff_id: Digest
    source: Reader

    def open(self) -> BinaryIO:
        """The compressed bytes, verified."""
        return self.source.open(self.descriptor)

    def open_uncompressed(self) -> BinaryIO:
        """The tar's bytes; the compressed bytes underneath are verified when read to the end."""
        return open_uncompressed(self.open(), traits(self.descriptor.media_type).compression)

    def entries(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """Every member with its content (see `tar.read`); the blob is verified when the last has been passed.

        Raises:
            DigestMismatchError: the blob is not the one that its name says, even where that shows first as nonsense.
            ArchiveInvalidError: the blob is what its name says, but no layer.
        """
        try:
            with self.open_uncompressed() as stream:
                yield from tar.read(stream)
                # The end mark is followed by padding; reading it makes the verified reader reach the blob's end.
                while stream.read(1 << 20):
                    pass
        except ArchiveInvalidError:
            with self.open() as blob:
                while blob.read(1 << 20):
                    pass
            raise
