"""Choosing from an index: the image for a platform."""

from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Index
from dockyard.oci.platform import Platform


class PlatformMissingError(Error):
    """An index has no image for the platform that was asked for."""

    reference = "platform-missing"


def choose(index: Index, wanted: Platform) -> Descriptor:
    """The entry of `index` for `wanted`; an exact variant before any other.

    Raises:
        PlatformMissingError: there is none.
    """
    fitting = [item for item in index.manifests if item.platform is not None and item.platform.satisfies(wanted)]
    exact = [item for item in fitting if item.platform == wanted]
    # An index of one entry without a platform, as some tools write for a single image, leaves no choice.
    lone = [item for item in index.manifests if item.platform is None] if len(index.manifests) == 1 else []
    for item in exact + fitting + lone:
        return item
    offered = ", ".join(sorted({str(item.platform) for item in index.manifests if item.platform})) or "none"
    raise PlatformMissingError(
        f"no image for {wanted} in the index", hint=f"It has: {offered}. Choose with --platform."
    )
