"""Bases whose layers are still at their registry: they are fetched once their content is needed, all at once."""

import io
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Lock
from typing import BinaryIO

import msgspec

from dockyard.content.layout import Layout
from dockyard.content.store import Reader
from dockyard.content.verified import verified
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest

_AT_ONCE = 4


class Reached(msgspec.Struct, frozen=True):
    """Where a registry has an image: `reader` reads it, `root` is what its name points to and `raw` the bytes of that,
    `fetch` brings a blob into the store.
    """

    reader: Reader
    root: Descriptor
    raw: bytes
    fetch: Callable[[Descriptor], None]


class Remembering:
    """Reads a place's manifests and configurations, each once: every question to a registry takes its time."""

    def __init__(self, place: Reached) -> None:
        self._reader = place.reader
        self._known: dict[Digest, bytes] = {place.root.digest: place.raw}

    def exists(self, target: Descriptor) -> bool:
        """As `reader` says."""
        return target.digest in self._known or self._reader.exists(target)

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream."""
        if target.digest not in self._known:
            with self._reader.open(target) as stream:
                self._known[target.digest] = stream.read()
        return verified(io.BytesIO(self._known[target.digest]), target)


class Distant:
    """Reads the image that `reached` has: manifest and configuration from memory, layers from the store, into which
    they are fetched first. Any thread may use it.

    Args:
        image: as the registry has it.
        store: gets the layers, and the image with them.
        reached: where from.
        settled: called with the image's descriptor once the store has all of it.
    """

    def __init__(self, image: Image, store: Layout, reached: Reached, settled: Callable[[Descriptor], None]) -> None:
        self._store, self._reached, self._settled = store, reached, settled
        self._root, self._config = image.descriptor, image.manifest.config
        self._small = {self._root.digest: image.manifest.raw, self._config.digest: image.config.raw}
        self._layers = {each.digest: each for each in image.manifest.layers}
        self._lock = Lock()
        self._done = False

    def exists(self, target: Descriptor) -> bool:
        """Whether it is here already."""
        return target.digest in self._small or self._store.exists(target)

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream.

        Raises:
            TransientError, RegistryDeniedError, …: the registry does not give it now.
        """
        if target.digest in self._small:
            return verified(io.BytesIO(self._small[target.digest]), target)
        if not self._store.exists(target):
            self.bring()
        return self._store.open(target)

    def bring(self) -> None:
        """Have all of the image in the store: who wants one layer wants the others, too.

        Raises:
            as `open`.
        """
        from dockyard._internal.together import together  # loaded only where something is to be fetched

        with self._lock:
            if self._done:
                return
            absent = [each for each in self._layers.values() if not self._store.exists(each)]
            together([partial(self._reached.fetch, each) for each in absent], _AT_ONCE)
            for target in (self._config, self._root):
                self._store.put(target, io.BytesIO(self._small[target.digest]))
            self._settled(self._root)
            self._done = True


class Spread(msgspec.Struct, frozen=True):
    """Reads a built image whose base is not all in the store.

    Attributes:
        store: has everything else.
        elsewhere: the layers that are not in it, by digest.
    """

    store: Layout
    elsewhere: Mapping[Digest, Layer]

    def exists(self, target: Descriptor) -> bool:
        """Whether it may be had."""
        return target.digest in self.elsewhere or self.store.exists(target)

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream, from the store or from where the base is."""
        layer = self.elsewhere.get(target.digest)
        return self.store.open(target) if layer is None else layer.open()


def elsewhere(layers: Iterable[Layer]) -> dict[Digest, Layer]:
    """Those of `layers` that are only at a base's registry."""
    return {
        each.descriptor.digest: each
        for each in layers
        if isinstance(each.source, Distant) and not each.source.exists(each.descriptor)
    }


def whole(image: Image) -> bool:
    """Whether all of an image can be read where it is."""
    try:
        return all(image.source.exists(each) for each in (image.manifest.config, *image.manifest.layers))
    except Error:  # its manifest is not there
        return False
