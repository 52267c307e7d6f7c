"""What a stored registry consists of."""

from dataclasses import dataclass

from dockyard.registry.blobs import BlobStore
from dockyard.server.database import Database
from dockyard.server.stored.rules import UNRULED, Rules


@dataclass(frozen=True)
class Holdings:
    """Metadata, bytes, and how they are kept.

    Attributes:
        database: has the metadata.
        blobs: has the bytes.
        grace: milliseconds for which a blob that nothing refers to is kept.
        projects: whether a push may make the project that its repository's name begins with.
        quota: bytes that a project which a push makes may hold; None for no bound.
        rules: asked inside the transactions that change something, so that no two can slip past it side by side.
    """

    database: Database
    blobs: BlobStore
    grace: int = 24 * 3600 * 1000
    projects: bool = True
    rules: Rules = UNRULED
    quota: int | None = None
