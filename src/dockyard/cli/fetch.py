"""Fetching bases for a build: the network is not touched before one is asked for."""

from collections.abc import Callable

from dockyard.cli import context
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference
from dockyard.progress import Progress


def puller(progress: Progress) -> Callable[[Reference], Descriptor]:
    """A function that pulls an image into the store; the network is not touched before it is called."""

    def pull(reference: Reference) -> Descriptor:
        from dockyard.cli.registry_access import client
        from dockyard.registry.pull import pull as pull_image

        return pull_image(reference, context.store(), client=client(), progress=progress)

    return pull
