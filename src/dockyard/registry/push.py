"""Pushing: an image from the store to a registry; what the registry has is not sent."""

import io
from collections.abc import Mapping, Sequence
from functools import partial

from dockyard._internal.together import together
from dockyard.content.layout import Layout
from dockyard.content.store import Reader, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, parse
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT, Progress
from dockyard.registry.client import Client
from dockyard.registry.repository import Repository
from dockyard.registry.transport import RegistryRefusedError

_AT_ONCE = 4


def push(
    reference: Reference,
    store: Reader,
    descriptor: Descriptor,
    *,
    client: Client,
    mount_from: Mapping[Digest, Sequence[str]] | None = None,
    progress: Progress = SILENT,
) -> Descriptor:
    """Send `descriptor` and all it refers to, children first, then tag it as `reference` says.

    Args:
        reference: where to; its tag, or without one the digest.
        store: has everything that `descriptor` refers to.
        descriptor: a manifest or an index.
        client: reaches the registry.
        mount_from: repositories of the same registry that may have a blob already, by its digest.
        progress: gets a task a layer.

    A reader of the registry never sees a tag whose content is missing. Interrupting is safe: run it again.

    Raises:
        ContentNotFoundError, DigestMismatchError: the store lacks or has damaged something; the tag does not change.
        TransientError, RegistryDeniedError, RegistryRefusedError: from the registry.
    """
    repository = client.repository(reference)
    raw = read(store, descriptor)
    _children(raw, descriptor, store, repository, mount_from or {}, progress)
    return repository.put_manifest(reference.tag or descriptor.digest, raw, descriptor.media_type)


def _children(
    raw: bytes,
    descriptor: Descriptor,
    store: Reader,
    repository: Repository,
    mount_from: Mapping[Digest, Sequence[str]],
    progress: Progress,
) -> None:
    found = parse(raw, descriptor.media_type)
    if isinstance(found, Index):
        for child in found.manifests:
            below = read(store, child)
            _children(below, child, store, repository, mount_from, progress)
            if not repository.exists(child):
                repository.put(child, io.BytesIO(below))
        return
    blobs = {child.digest: child for child in found.references}
    together([partial(_blob, child, store, repository, mount_from, progress) for child in blobs.values()], _AT_ONCE)


def _blob(
    target: Descriptor,
    store: Reader,
    repository: Repository,
    mount_from: Mapping[Digest, Sequence[str]],
    progress: Progress,
) -> None:
    task = progress.start(target.digest.short, total=target.size)
    if repository.exists(target):
        task.done("already there")
        return
    for source in mount_from.get(target.digest, ()):
        if repository.mount(target, source):
            task.done(f"mounted from {source}")
            return
    with store.unchecked(target) if isinstance(store, Layout) else store.open(target) as stream:
        try:
            repository.put(target, stream)
        except RegistryRefusedError:
            _look(store, target)
            raise
    task.done()


def _look(store: Reader, target: Descriptor) -> None:
    """Raise if it is our bytes that are not what their name says. That is left to the registry, which has to hash all
    that it gets; hashing everything here as well would take as long as sending it.
    """
    with store.open(target) as stream:
        while stream.read(1 << 20):
            pass
