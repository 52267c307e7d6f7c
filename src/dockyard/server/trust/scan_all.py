"""Looking at everything that is stored: images that nobody has looked at yet, or all of them with the feed of now.

What is pushed is looked at by itself, and a new feed is matched by itself. This is for what was there before, what
failed, and for those who want to be sure.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import NamedTuple

from sqlalchemy import ColumnElement, RowMapping, exists, func, literal, select

from dockyard.errors import Error
from dockyard.oci.manifest import Manifest, parse
from dockyard.oci.mediatype import DOCKER_CONFIG, OCI_CONFIG
from dockyard.registry.interface import WireError
from dockyard.server.database import Database, DatabaseError
from dockyard.server.events import record
from dockyard.server.jobs.interface import Jobs, JobStopped
from dockyard.server.schema.content import MANIFEST
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.trust import INVENTORY
from dockyard.server.trust.gate import opener
from dockyard.server.trust.scanning import images, is_image, scan
from dockyard.server.trust.watching import Watch

TASK = "scan-all"
MOST_COUNTED = 1000
_TOGETHER = 200
_FEW = 10
_LOG = logging.getLogger("dockyard.trust")


class Scanned(NamedTuple):
    """How many images were looked at, and how many of them could not be."""

    images: int
    failed: int


def unseen(database: Database) -> int:
    """How many images nobody has looked at; counted up to `MOST_COUNTED`."""
    query = select(MANIFEST.c.digest, MANIFEST.c.raw, MANIFEST.c.media_type).where(*_wanted(missing=True))
    with database.read() as connection:
        # A few at a time: each may have megabytes.
        rows = connection.execute(query.limit(MOST_COUNTED), execution_options={"yield_per": _FEW})
        return len({str(row.digest) for row in rows if _image(bytes(row.raw), str(row.media_type))})


def ask(database: Database, jobs: Jobs, *, rematch: bool = False) -> int | None:
    """Have everything looked at; returns the job's number, None where it is being done already. It is an event."""
    number = jobs.defer(TASK, {"rematch": rematch}, key=f"asked {TASK}")
    if number is not None:
        database.write(lambda connection: record(connection, "scan.all", detail={"rematch": rematch, "job": number}))
    return number


def run(watch: Watch, *, rematch: bool = False, progress: Callable[[str], None] = lambda text: None) -> Scanned:
    """Look at every image that has no inventory yet; with `rematch` match all others with the feed of now, too.

    It may be cut off anywhere. What fails is told as `scan.failed` and held against nobody else.

    Args:
        watch: the registry and where inventories are kept.
        rematch: match what has an inventory anew.
        progress: told how far it is; what it raises ends the run.
    """
    feed = opener(watch.feed)()
    count = failed = 0
    with nullcontext() if feed is None else closing(feed):
        for row in _every(watch.database, missing=not rematch):
            progress(f"{count} images looked at")
            try:
                stored = watch.registry.manifest(str(row["repository"]), str(row["digest"]))
                for image in images(watch.registry, str(row["repository"]), stored):
                    count += 1
                    scan(watch.database, image, cache=watch.cache, feed=feed, rematch=rematch)
            except (DatabaseError, JobStopped):
                raise
            except WireError as error:  # gone again
                _LOG.info("%s@%s was not looked at: %s", row["repository"], row["digest"], error)
            except Exception as error:  # noqa: BLE001 (as for what is pushed: one must not hold up all others)
                failed += 1
                watch.failed(row, error)
    return Scanned(count, failed)


def _every(database: Database, *, missing: bool) -> Iterator[RowMapping]:
    """The images, each digest once, in their order; those that come meanwhile are looked at by themselves."""
    last = ""
    query = (
        select(func.min(REPOSITORY.c.name).label("repository"), literal("").label("reference"), MANIFEST.c.digest)
        .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
        .where(*_wanted(missing=missing))
        .group_by(MANIFEST.c.digest)
        .order_by(MANIFEST.c.digest)
        .limit(_TOGETHER)
    )
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(MANIFEST.c.digest > last)).mappings().all()
        yield from rows
        if len(rows) < _TOGETHER:
            return
        last = str(rows[-1]["digest"])


def _wanted(*, missing: bool) -> list[ColumnElement[bool]]:
    """What picks the manifests of images, or of those that have no inventory."""
    kinds = MANIFEST.c.artifact_type.in_((OCI_CONFIG, DOCKER_CONFIG))
    return [kinds, ~exists().where(INVENTORY.c.digest == MANIFEST.c.digest)] if missing else [kinds]


def _image(raw: bytes, media_type: str) -> bool:
    try:
        found = parse(raw, media_type)
    except Error:
        return False
    return isinstance(found, Manifest) and is_image(found)
