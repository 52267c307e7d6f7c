"""Which host serves a reference: mirrors first, in order; each with its credential and its TLS settings."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from dockyard._internal.proxy import DIRECT, Proxies
from dockyard.content.store import ContentNotFoundError
from dockyard.errors import TransientError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.reference import DEFAULT_REGISTRY, Reference
from dockyard.registry.credentials import Credential
from dockyard.registry.local import is_local
from dockyard.registry.repository import Repository
from dockyard.registry.transport import RegistryDeniedError, RegistryRefusedError, Transport, speaks_tls

if TYPE_CHECKING:
    from dockyard.registry.settings import Settings

_HUB = "registry-1.docker.io"


class Found(NamedTuple):
    """Where an image is, what its name points to there, and the bytes of that manifest or index."""

    repository: Repository
    root: Descriptor
    raw: bytes


class Client:
    """Opens repositories. May be used from several threads.

    Args:
        settings: mirrors, insecure registries, authorities, if there are any.
        credential: gives the credential for a registry, if there is one.
        proxies: which registries are reached by way of which proxy.
    """

    def __init__(
        self,
        settings: "Settings | None",
        credential: Callable[[str], Credential | None],
        proxies: Proxies = DIRECT,
    ) -> None:
        self._settings = settings.registries if settings is not None else {}
        self._credential, self._proxies = credential, proxies
        self._lock = threading.Lock()
        self._transports: dict[str, Transport] = {}
        self._schemes: dict[str, str] = {}

    def repository(self, reference: Reference) -> Repository:
        """The repository at its own registry: what pushes, signatures and tags go to."""
        return Repository(self._transport(self._base(reference.registry), reference.registry), reference.repository)

    def transport(self, reference: Reference) -> Transport:
        """The connections to the reference's registry, for what is asked of the registry as a whole."""
        return self._transport(self._base(reference.registry), reference.registry)

    def readers(self, reference: Reference) -> list[Repository]:
        """Where to read from, in order of preference: the registry's mirrors, then the registry itself."""
        settings = self._settings.get(reference.registry)
        mirrors = []
        for url in settings.mirrors if settings else ():
            whole = url if "://" in url else f"https://{url}"
            parts = urlsplit(whole)
            name = f"{parts.path.strip('/')}/{reference.repository}".lstrip("/")
            mirrors.append(Repository(self._transport(f"{parts.scheme}://{parts.netloc}", parts.netloc), name))
        return [*mirrors, self.repository(reference)]

    def find(self, reference: Reference) -> Found:
        """The first place that has the image.

        A mirror that cannot be reached, has a fault or lacks the image is passed over.

        Raises:
            ContentNotFoundError: no place has it.
            TransientError, RegistryDeniedError: of the last place.
        """
        wanted = reference.digest or reference.tag
        *mirrors, origin = self.readers(reference)
        for mirror in mirrors:
            try:
                return _found(mirror, wanted)
            except (ContentNotFoundError, TransientError, RegistryDeniedError):
                continue
        return _found(origin, wanted)

    def _base(self, registry: str) -> str:
        settings = self._settings.get(registry)
        if registry == DEFAULT_REGISTRY:
            return f"https://{_HUB}"
        if settings and settings.insecure:
            with self._lock:
                if registry not in self._schemes:
                    self._schemes[registry] = "https" if speaks_tls(registry, self._proxies) else "http"
                return f"{self._schemes[registry]}://{registry}"
        return f"{'http' if is_local(registry) and not (settings and settings.ca) else 'https'}://{registry}"

    def _transport(self, base: str, registry: str) -> Transport:
        with self._lock:
            if base not in self._transports:
                settings, credential = self._settings.get(registry), self._credential(registry)
                self._transports[base] = (
                    Transport(base, credential, verify=not settings.insecure, ca=settings.ca, proxies=self._proxies)
                    if settings
                    else Transport(base, credential, proxies=self._proxies)
                )
            return self._transports[base]

    def check(self, reference: Reference, *, tries: int = 4) -> None:
        """Ask the registry whether it takes the credential; faults are tried again so often.

        Raises:
            RegistryDeniedError: it does not.
            RegistryRefusedError: what answers there is no registry.
            RegistryUnreachableError, RegistryFaultError: nothing answers as it should.
        """
        transport = self._transport(self._base(reference.registry), reference.registry)
        response = transport.request("GET", "/v2/", scope="", tries=tries)
        response.drain()
        if response.status != 200:
            raise RegistryRefusedError(
                f"there is no registry at {reference.registry}: it answers /v2/ with {response.status}",
                hint="Check the name and the port; a path does not belong to it.",
            )


def _found(repository: Repository, wanted: str | Digest) -> Found:
    raw, media_type = repository.manifest(wanted)
    return Found(repository, Descriptor.of(media_type, raw), raw)
