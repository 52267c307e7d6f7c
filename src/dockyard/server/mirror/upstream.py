"""Upstreams: which repository there a repository here means, and what can be read from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dockyard._internal.proxy import Proxies
from dockyard.content.store import ContentNotFoundError
from dockyard.errors import Error, TransientError
from dockyard.oci.digest import Digest
from dockyard.oci.reference import DEFAULT_REGISTRY, Reference
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credential
from dockyard.registry.repository import Repository
from dockyard.registry.settings import RegistrySettings
from dockyard.registry.settings import Settings as Registries
from dockyard.registry.transport import RegistryDeniedError, RegistryRefusedError
from dockyard.server.measuring.spans import TRACER
from dockyard.server.mirror.settings import Mirror

T = TypeVar("T")
# What says nothing about the image: another place may have it.
_PASSING = (TransientError, RegistryDeniedError, RegistryRefusedError)


@dataclass(frozen=True)
class Upstream:
    """One mirrored registry."""

    settings: Mirror
    client: Client

    def places(self, name: str) -> list[Repository]:
        """The repositories that `name` here means, in the order in which they are asked."""
        prefix = self.settings.prefix
        there = name.removeprefix(f"{prefix}/") if prefix else name
        if self.settings.upstream == DEFAULT_REGISTRY and "/" not in there:
            there = f"library/{there}"
        return self.client.readers(Reference(self.settings.upstream, there))

    def ask(self, name: str, question: Callable[[Repository], T]) -> T:
        """The first place's answer to `question`.

        Raises:
            ContentNotFoundError: no place has it, and all could be asked.
            Error: of the last place that could not be asked.
        """
        failed: Error | None = None
        for place in self.places(name):
            try:
                attributes = {"server.address": self.settings.upstream, "repository": place.name}
                with TRACER.get().span("upstream", attributes):
                    return question(place)
            except ContentNotFoundError as error:
                failed = failed or error
            except _PASSING as error:
                failed = error
        assert failed is not None
        raise failed


def upstreams(mirrors: Sequence[Mirror]) -> list[Upstream]:
    """An upstream for each of the settings; longer prefixes first."""
    found = []
    for each in mirrors:
        registries = {each.upstream: RegistrySettings(each.mirrors, each.insecure, each.ca)}
        found.append(Upstream(each, Client(Registries(registries), _credential(each), Proxies.here())))
    return sorted(found, key=lambda each: -len(each.settings.prefix))


def of(found: Sequence[Upstream], name: str) -> Upstream | None:
    """The upstream that the repository `name` belongs to."""
    for each in found:
        if not each.settings.prefix or name.startswith(f"{each.settings.prefix}/"):
            return each
    return None


def named(found: Sequence[Upstream], namespace: str, name: str) -> str:
    """The repository here for `name` of the registry `namespace`, as clients that use this as a mirror ask for it."""
    for each in found:
        if each.settings.upstream == namespace:
            return f"{each.settings.prefix}/{name}".lstrip("/")
    return name


def digest_of(place: Repository, tag: str) -> Digest:
    """What a tag points to, by a HEAD request, which registries do not count as a pull.

    Raises:
        ContentNotFoundError: there is no such tag.
    """
    found = place.head(tag)
    return found if found is not None else place.resolve(tag).digest


def _credential(mirror: Mirror) -> Callable[[str], Credential | None]:
    def give(registry: str) -> Credential | None:
        if not mirror.username or registry != mirror.upstream:
            return None
        return Credential(mirror.username, Path(mirror.password_file).read_text().strip())

    return give
