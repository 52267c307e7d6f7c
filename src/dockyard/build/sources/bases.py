"""Where FROM and --from find images: the store first, then a registry."""

import io
from collections.abc import Callable

import msgspec

from dockyard.build.lazy.distant import Distant, Reached, Remembering, whole
from dockyard.content.held import held
from dockyard.content.layout import Layout, TagNotFoundError
from dockyard.content.store import ContentNotFoundError
from dockyard.errors import Error, TransientError, UsageError
from dockyard.images.image import Image, open_image
from dockyard.oci.choose import PlatformMissingError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference

Reach = Callable[[Reference], Reached]


class BaseMissingError(UsageError):
    """An image that the Dockerfile builds on is not in the store, and nothing was given to fetch it with."""

    reference = "base-missing"
    hint = "Fetch it with `dockyard pull`, or make one with `dockyard base`."


class Opened(msgspec.Struct, frozen=True):
    """An image for a platform, and the digest that its name stands for: the image's, or that of an index over it."""

    image: Image
    digest: Digest


class Bases(msgspec.Struct, frozen=True):
    """Finds images.

    Args:
        store: looked in first.
        reach: finds an image's registry; None where there is no network.
        always: ask `reach` even for what the store has, as `--pull` does.
    """

    store: Layout
    reach: Reach | None = None
    always: bool = False

    def open(self, reference: Reference, platform: Platform) -> Opened:
        """The image for `platform`. Of one that only a registry has, layers are fetched once they are read, and then
        the store knows it by its name. What the store has for another platform only counts where no registry has
        better.

        Raises:
            BaseMissingError: it is not in the store and there is no `reach`.
            ContentNotFoundError, PlatformMissingError, TransientError, RegistryDeniedError: no registry gives it.
        """
        target = self._held(reference)
        if self.reach is None:
            if target is None:
                raise BaseMissingError(f"the base image {reference.familiar} is not here", context={"image": reference})
            return Opened(open_image(self.store, target, platform), target.digest)
        known = None if target is None else _known(self.store, target, platform)
        fresh = reference.digest is not None or not self.always
        if known is not None and fresh and _fits(known.image, platform):
            return known
        try:
            return self._reached(reference, platform, self.reach(reference))
        except (ContentNotFoundError, PlatformMissingError, TransientError):
            if known is None or self.always or not whole(known.image):
                raise
            return known

    def _reached(self, reference: Reference, platform: Platform, place: Reached) -> Opened:
        reader = Remembering(place)
        image = open_image(reader, place.root, platform)

        def settled(root: Descriptor) -> None:
            if root.digest != place.root.digest:  # the digest of an index is what a pinned base has
                self.store.put(place.root, io.BytesIO(place.raw))
            if platform.satisfies(Platform.host()):
                self.store.tag(str(reference), Descriptor(root.media_type, root.digest, root.size, {}, root.platform))

        distant = Image(image.descriptor, Distant(image, self.store, place, settled))
        return Opened(distant, reference.digest or image.descriptor.digest)

    def _held(self, reference: Reference) -> Descriptor | None:
        if reference.digest is not None:
            return held(self.store, reference.digest)
        try:
            return self.store.resolve(str(reference))
        except TagNotFoundError:
            return None


def _known(store: Layout, target: Descriptor, platform: Platform) -> Opened | None:
    """The image in the store, if it has one for the platform."""
    try:
        return Opened(open_image(store, target, platform), target.digest)
    except (PlatformMissingError, ContentNotFoundError):
        return None


def _fits(image: Image, platform: Platform) -> bool:
    """Whether an image is whole and for `platform`, or says nothing of any."""
    if not whole(image):
        return False
    try:
        said = image.config.platform
    except Error:  # whoever reads it next says what is wrong with it
        return True
    return not (said.os and said.architecture) or said.satisfies(platform)
