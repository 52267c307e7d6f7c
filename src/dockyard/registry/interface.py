"""What a registry can do, whoever it is: the app serves any of these, so filters and mirrors can stand in between."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.registry.protocol.codes import Code


class WireError(Error):
    """A request that the registry refuses, with the code that goes over the wire."""

    reference = "registry-request-refused"

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code.name}: {detail or code.meaning}")
        self.code = code
        self.detail = detail


class StoredManifest(NamedTuple):
    """A manifest as it was pushed."""

    raw: bytes
    media_type: str
    digest: Digest


class Reader(Protocol):
    """Gives content. Every method raises `WireError` with the code for what is not there."""

    def blob(self, name: str, digest: Digest) -> tuple[Path, int]:
        """The file that holds a blob of the repository, and its size in bytes."""

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest."""


class Lister(Protocol):
    """Tells what there is, in ASCII order."""

    def tags(self, name: str) -> list[str]:
        """All tags of a repository."""

    def referrers(self, name: str, digest: Digest) -> Sequence[Descriptor]:
        """The manifests whose subject is `digest`."""

    def repositories(self) -> list[str]:
        """All repositories."""


class Writer(Protocol):
    """Takes content. What it has acknowledged survives the loss of the process."""

    def begin(self, name: str) -> str:
        """Begin an upload; returns its number."""

    def received(self, name: str, upload: str) -> int:
        """How many bytes of the upload have arrived."""

    def append(self, name: str, upload: str, data: bytes) -> None:
        """Add bytes to the upload."""

    def finish(self, name: str, upload: str, digest: Digest) -> None:
        """End the upload as the blob `digest`, on disk when this returns."""

    def cancel(self, name: str, upload: str) -> None:
        """Forget the upload."""

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Take a blob over from the repository `source`; False if it is not there."""

    def put_manifest(self, name: str, reference: str, raw: bytes, media_type: str) -> tuple[Digest, Digest | None]:
        """Store a manifest under a tag or its digest; returns its digest and its subject's."""


class Deleter(Protocol):
    """Forgets content."""

    def delete_manifest(self, name: str, reference: str) -> None:
        """Forget a tag, or a manifest with all its tags."""

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Forget a blob of the repository."""


class Registry(Reader, Lister, Writer, Deleter, Protocol):
    """All roles at once."""
