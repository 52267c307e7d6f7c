"""Images: a descriptor and a place to read from; lazy and immutable. One class, whatever the place."""

from functools import cached_property
from pathlib import Path

import msgspec

from dockyard._internal.limits import CONFIG_BYTES
from dockyard.content.store import Reader, read
from dockyard.layers.layer import Layer
from dockyard.layers.tree import FileTree
from dockyard.oci.choose import choose
from dockyard.oci.config import ConfigInvalidError, ImageConfig
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest, parse
from dockyard.oci.platform import Platform


class Image(msgspec.Struct, frozen=True, dict=True):
    """One image for one platform.

    Views read what they need when first looked at and raise as `content.store.read` and the views of `oci` do.
    """

    descriptor: Descriptor
    source: Reader

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest."""
        return Manifest(read(self.source, self.descriptor), self.descriptor.media_type)

    @cached_property
    def config(self) -> ImageConfig:
        """The configuration."""
        target = self.manifest.config
        return ImageConfig(read(self.source, target, limit=CONFIG_BYTES), target.media_type)

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers, lowest first.

        Raises:
            ConfigInvalidError: manifest and configuration disagree about how many there are.
        """
        descriptors, diff_ids = self.manifest.layers, self.config.diff_ids
        if len(descriptors) != len(diff_ids):
            raise ConfigInvalidError(f"the manifest has {len(descriptors)} layers, the configuration {len(diff_ids)}")
        return [Layer(d, i, self.source) for d, i in zip(descriptors, diff_ids, strict=True)]

    def tree(self, cache: Path | None = None) -> FileTree:
        """The merged view of all layers; `cache` keeps each layer's list of members."""
        return FileTree.of(self.layers, cache=cache)


def open_image(source: Reader, descriptor: Descriptor, platform: Platform | None = None) -> Image:
    """The image that `descriptor` names; of an index, the one for `platform` (this machine's by default).

    Raises:
        PlatformMissingError: the index has none for it.
    """
    found = parse(read(source, descriptor), descriptor.media_type)
    if isinstance(found, Manifest):
        return Image(descriptor, source)
    return Image(choose(found, platform or Platform.host()), source)
