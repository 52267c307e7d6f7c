"""Fetching bases for a build: the network is not touched before one is asked for."""

from functools import partial

from dockyard.build.lazy.distant import Reached
from dockyard.build.sources.bases import Reach
from dockyard.cli import context
from dockyard.oci.reference import Reference
from dockyard.progress import Progress


def reacher(progress: Progress) -> Reach:
    """A function that finds an image's registry, or a mirror that has it; its blobs are fetched into the store."""

    def reach(reference: Reference) -> Reached:
        from dockyard.cli.registry_client import client
        from dockyard.registry.pull import fetch

        repository, root, raw = client().find(reference)
        task = partial(fetch, repository=repository, store=context.store(), progress=progress)
        return Reached(repository, root, raw, task)

    return reach
