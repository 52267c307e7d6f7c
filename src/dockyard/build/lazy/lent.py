"""Lazy layers: blobs of an imported build cache that are not in the store, fetched once their content is needed."""

import contextlib
from collections.abc import Callable
from threading import Lock, RLock
from typing import BinaryIO

import msgspec

from dockyard._internal.lock import locked
from dockyard.build.lazy.distant import Distant
from dockyard.content.layout import Layout
from dockyard.content.store import ContentError, ContentNotFoundError, Reader
from dockyard.errors import Error
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.progress import SILENT, Progress

Bring = Callable[[Descriptor], None]


class LayerAbsentError(ContentError):
    """What a cached step had made is neither here nor where the cache came from. The build carries the step out again;
    this is told only where that does not help.
    """

    reference = "layer-absent"
    hint = "Build again with --no-cache."

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the layer {digest.short} is not here any more", context={"digest": digest})
        self.digest = digest


class Offers(msgspec.Struct, dict=True, eq=False):
    """Where layers can be fetched from: the places that `--cache-from` names. Any thread may use it.

    As a `Reader` it gives what `store` has and what is offered alike, so that a cache can be sent on without a copy of
    it here.

    Attributes:
        lost: what was offered, and was not there or not sound when it was asked for.
        sound: diff IDs that were compared with the tar they name, each with the blob's digest.
        progress: told of what is lost.
    """

    store: Layout
    progress: Progress = SILENT
    lost: set[Digest] = msgspec.field(default_factory=set)
    sound: set[tuple[Digest, Digest]] = msgspec.field(default_factory=set)

    def __post_init__(self) -> None:
        self._places: dict[Digest, tuple[Descriptor, Reader, Bring]] = {}
        self._locks: dict[Digest, RLock] = {}
        self._lock = Lock()

    def add(self, target: Descriptor, place: Reader, bring: Bring) -> None:
        """Offer a blob: `place` has it, and `bring` fetches it into the store."""
        self._places.setdefault(target.digest, (target, place, bring))

    def has(self, digest: Digest) -> bool:
        """Whether it may be had."""
        return digest in self._places and digest not in self.lost

    def exists(self, target: Descriptor) -> bool:
        """Whether it is in the store or where it was offered; of the latter this asks."""
        if self.store.exists(target):
            return True
        if not self.has(target.digest):
            return False
        with contextlib.suppress(Error):
            return self._places[target.digest][1].exists(target)
        return False

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream, from the store or from where it was offered."""
        if self.store.exists(target) or not self.has(target.digest):
            return self.store.open(target)
        return self._places[target.digest][1].open(target)

    def bring(self, layer: Layer, *, verify: bool) -> None:
        """Have a layer in the store; with `verify` only where its tar is what the diff ID says.

        The diff ID names the unpacked layer on this machine, so a stranger's claim must not be believed.

        Raises:
            LayerAbsentError: it cannot be had, or is something else.
        """
        digest = layer.descriptor.digest
        with self._lock:
            lock = self._locks.setdefault(digest, RLock())
        with lock:
            try:
                if not self.store.exists(layer.descriptor):
                    if not self.has(digest):
                        raise ContentNotFoundError("it is not here")
                    self._places[digest][2](self._places[digest][0])
                if verify and (digest, layer.diff_id) not in self.sound:
                    Layer(layer.descriptor, layer.diff_id, self.store).verify()
                    self.sound.add((digest, layer.diff_id))
            except Error as error:
                if digest in self._places or verify:
                    self.progress.log(f"warning: the cached layer {digest.short} cannot be had: {error.message}")
                self.lost.add(digest)
                raise LayerAbsentError(digest) from error


class Lent(msgspec.Struct, frozen=True):
    """Reads one layer, which is brought into the store first.

    Args:
        offers: where from.
        diff_id: of its tar.
        claimed: whether its diff ID is only what a stranger says.
        settled: called once it is here and sound.
    """

    offers: Offers
    diff_id: Digest
    claimed: bool
    settled: Callable[[], None]

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream.

        Raises:
            LayerAbsentError: it cannot be had.
        """
        self.bring(target)
        return self.offers.store.open(target)

    def exists(self, target: Descriptor) -> bool:
        """Whether it is here already."""
        return self.offers.store.exists(target)

    def bring(self, target: Descriptor) -> None:
        """Have it in the store, and sound.

        Raises:
            LayerAbsentError: it cannot be had.
        """
        if self.unsure(target) or not self.exists(target):
            self.offers.bring(Layer(target, self.diff_id, self), verify=self.claimed)
            self.settled()

    def unsure(self, target: Descriptor) -> bool:
        """Whether nobody has looked yet if its tar is what the diff ID says."""
        return self.claimed and (target.digest, self.diff_id) not in self.offers.sound

    def obtainable(self, target: Descriptor) -> bool:
        """Whether it is here, or may be where the cache came from."""
        lost = target.digest in self.offers.lost
        return not lost and (self.exists(target) or self.offers.has(target.digest))


def absent(layer: Layer) -> bool:
    """Whether reading it would first have to fetch it."""
    return isinstance(layer.source, Lent | Distant) and not layer.source.exists(layer.descriptor)


def bring(layer: Layer) -> None:
    """Have a layer in the store.

    Raises:
        LayerAbsentError: it is a cached step's, and cannot be had.
        TransientError, RegistryDeniedError, …: it is a base's, and the registry does not give it now.
    """
    if isinstance(layer.source, Lent):
        layer.source.bring(layer.descriptor)
    elif absent(layer):
        layer.open().close()


def fetching(store: Layout, place: Reader, progress: Progress) -> Bring:
    """What fetches blobs from `place` into `store`; of several processes that want one, one fetches it."""
    from dockyard.content.copy import copy

    def fetch(target: Descriptor) -> None:
        lock = store.path / "ingest" / f"{target.digest.hex}.lent.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock):
            copy(place, store, target, progress=progress)
        lock.unlink(missing_ok=True)

    return fetch
