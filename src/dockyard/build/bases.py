"""Where FROM and --from find images: the store first, then a registry."""

from collections.abc import Callable

import msgspec

from dockyard.content.held import held
from dockyard.content.layout import Layout, TagNotFoundError
from dockyard.errors import UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference

Pull = Callable[[Reference], Descriptor]


class BaseMissingError(UsageError):
    """An image that the Dockerfile builds on is not in the store, and nothing was given to fetch it with."""

    reference = "base-missing"
    hint = "Fetch it with `dockyard pull`, or make one with `dockyard base`."


class Bases(msgspec.Struct, frozen=True):
    """Finds images.

    Args:
        store: looked in first.
        pull: fetches into the store and returns what was fetched; None where there is no network.
        always: ask `pull` even for what the store has, as `--pull` does.
    """

    store: Layout
    pull: Pull | None = None
    always: bool = False

    def resolve(self, reference: Reference) -> Descriptor:
        """The descriptor of the image, whose content is then in the store.

        Raises:
            BaseMissingError: it is not in the store and there is no `pull`.
        """
        found = None if self.always and self.pull is not None and reference.digest is None else self._held(reference)
        if found is not None:
            return found
        if self.pull is None:
            raise BaseMissingError(f"the base image {reference.familiar} is not here", context={"image": reference})
        return self.pull(reference)

    def _held(self, reference: Reference) -> Descriptor | None:
        if reference.digest is not None:
            return held(self.store, reference.digest)
        try:
            return self.store.resolve(str(reference))
        except TagNotFoundError:
            return None
