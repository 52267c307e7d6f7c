"""How much a registry holds."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from dockyard.server.database import Database
from dockyard.server.schema.content import BLOB, DELETION, MANIFEST, TAG
from dockyard.server.schema.projects import PROJECT, REPOSITORY


@dataclass(frozen=True)
class Amounts:
    """Counts of everything, the bytes of all blobs, each once, and of the disk below them; `waiting` blobs are looked
    at again, and removed if nothing needs them.
    """

    projects: int
    repositories: int
    tags: int
    manifests: int
    blobs: int
    bytes: int
    waiting: int
    disk_total: int
    disk_free: int


def amounts(database: Database, folder: Path) -> Amounts:
    """Count. Takes time in proportion to what is there.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    with database.read() as connection:
        projects, repositories, tags, manifests, blobs = (
            int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in (PROJECT, REPOSITORY, TAG, MANIFEST, BLOB)
        )
        total = int(connection.execute(select(func.coalesce(func.sum(BLOB.c.size), 0))).scalar_one())
        waiting = int(connection.execute(select(func.count()).select_from(DELETION)).scalar_one())
    disk = shutil.disk_usage(folder)
    return Amounts(projects, repositories, tags, manifests, blobs, total, waiting, disk.total, disk.free)
