"""Lists, page by page: every query begins where the page before ended and reads no more than its page."""

import json

from sqlalchemy import exists, func, select

from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.registry.interface import Page, Referrers, WireError
from dockyard.registry.protocol import codes
from dockyard.server.database import Database
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY


def tags(database: Database, name: str, last: str, count: int) -> Page:
    """Tags of a repository.

    Raises:
        WireError: NAME_UNKNOWN.
    """
    with database.read() as connection:
        repository = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == name)).scalar()
        if repository is None:
            raise WireError(codes.NAME_UNKNOWN, name)
        query = (
            select(TAG.c.name)
            .where(TAG.c.repository_id == repository, TAG.c.name > last)
            .order_by(TAG.c.name)
            .limit(count + 1)
        )
        found = list(connection.execute(query).scalars())
    return Page(found[:count], len(found) > count)


def repositories(database: Database, last: str, count: int) -> Page:
    """Repositories that have a manifest."""
    query = (
        select(REPOSITORY.c.name)
        .where(REPOSITORY.c.name > last, exists().where(MANIFEST.c.repository_id == REPOSITORY.c.id))
        .order_by(REPOSITORY.c.name)
        .limit(count + 1)
    )
    with database.read() as connection:
        found = list(connection.execute(query).scalars())
    return Page(found[:count], len(found) > count)


def referrers(database: Database, name: str, digest: Digest, kind: str, last: str, count: int) -> Referrers:
    """What refers to `digest`; an empty list where nothing does, or where there is no such repository."""
    query = (
        select(
            MANIFEST.c.media_type,
            MANIFEST.c.digest,
            func.length(MANIFEST.c.raw),
            MANIFEST.c.annotations,
            MANIFEST.c.artifact_type,
        )
        .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
        .where(REPOSITORY.c.name == name, MANIFEST.c.subject == str(digest), MANIFEST.c.digest > last)
        .order_by(MANIFEST.c.digest)
        .limit(count + 1)
    )
    if kind:
        query = query.where(MANIFEST.c.artifact_type == kind)
    with database.read() as connection:
        rows = connection.execute(query).all()
    found = [
        Descriptor(row[0], Digest.parse(row[1]), int(row[2]), json.loads(row[3]), None, row[4]) for row in rows[:count]
    ]
    return Referrers(found, len(rows) > count)
