"""Where an image's signatures lie: in the registry that its name says, or in the store."""

from dockyard.cli import context
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import DEFAULT_REGISTRY, Reference
from dockyard.signing.place import LocalPlace, Place, RegistryPlace


def beside(image: str, *, store: bool) -> tuple[Reference, Descriptor, Place]:
    """The reference, the descriptor of what it names, and the place for its signatures.

    A name with a registry of its own means the image there; other names, and all with `store`, mean the store.
    """
    reference = Reference.parse(image)
    if store or reference.registry == DEFAULT_REGISTRY:
        return reference, context.resolve(reference), LocalPlace(context.store(), reference.name)
    from dockyard.cli.registry_client import client

    repository = client().repository(reference)
    return reference, repository.resolve(reference.digest or reference.tag), RegistryPlace(repository)
