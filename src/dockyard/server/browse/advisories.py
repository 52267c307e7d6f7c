"""The advisories that touch what a registry holds, and the images that each touches."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, select, tuple_

from dockyard.scan.match import Finding
from dockyard.server.database import Database
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.trust import FINDING

_TOGETHER = 200
_PAGES = 50


@dataclass(frozen=True)
class Advisory:
    """An advisory: its severity, how many stored images it touches, and since when (milliseconds since 1970)."""

    id: str
    severity: str
    images: int
    packages: int
    fixable: bool
    found_at: int


@dataclass(frozen=True)
class Touched:
    """An image that an advisory touches, where it is, and the findings; `tags` also of the indexes that it is in."""

    repository: str
    digest: str
    tags: list[str]
    findings: list[Finding]


def advisories(database: Database, *, severity: str = "", last: str = "", count: int = 100) -> list[Advisory]:
    """At most `count` advisories after `last`, by their name; of one severity where it is given."""
    query = (
        select(
            FINDING.c.advisory,
            func.min(FINDING.c.severity),
            func.count(FINDING.c.digest.distinct()),
            func.count(FINDING.c.name.distinct()),
            func.max(FINDING.c.fixed_version),
            func.min(FINDING.c.found_at),
        )
        .where(FINDING.c.advisory > last)
        .group_by(FINDING.c.advisory)
        .order_by(FINDING.c.advisory)
        .limit(count)
    )
    if severity:
        query = query.where(FINDING.c.severity == severity)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Advisory(row[0], row[1], int(row[2]), int(row[3]), bool(row[4]), int(row[5])) for row in rows]


def touched(
    database: Database,
    sees: Callable[[str], bool],
    advisory: str,
    *,
    last: tuple[str, str] = ("", ""),
    count: int = 100,
) -> list[Touched]:
    """At most `count` images that the advisory touches, by repository and digest, after `last`; those that `sees` lets
    through.
    """
    place = (REPOSITORY.c.name, MANIFEST.c.digest)
    query = (
        select(REPOSITORY.c.id, *place)
        .join_from(FINDING, MANIFEST, MANIFEST.c.digest == FINDING.c.digest)
        .join(REPOSITORY, REPOSITORY.c.id == MANIFEST.c.repository_id)
        .where(FINDING.c.advisory == advisory)
        .distinct()
        .order_by(*place)
        .limit(_TOGETHER)
    )
    found: list[Touched] = []
    with database.read() as connection:
        for _ in range(_PAGES):
            rows = connection.execute(query.where(tuple_(*place) > last)).all()
            for row in rows:
                if len(found) < count and sees(row.name):
                    tags = _tags(connection, int(row.id), row.digest)
                    found.append(Touched(row.name, row.digest, tags, _findings(connection, advisory, row.digest)))
            if len(rows) < _TOGETHER or len(found) >= count:
                break
            last = (rows[-1].name, rows[-1].digest)
    return found


def _tags(connection: Connection, repository: int, digest: str) -> list[str]:
    inside = select(REFERENCE.c.manifest).where(REFERENCE.c.repository_id == repository, REFERENCE.c.child == digest)
    query = select(TAG.c.name).where(
        TAG.c.repository_id == repository, (TAG.c.digest == digest) | TAG.c.digest.in_(inside)
    )
    return list(connection.execute(query.order_by(TAG.c.name).limit(50)).scalars())


def _findings(connection: Connection, advisory: str, digest: str) -> list[Finding]:
    query = select(FINDING.c.body).where(FINDING.c.advisory == advisory, FINDING.c.digest == digest)
    return [msgspec.json.decode(body, type=Finding) for body in connection.execute(query.limit(100)).scalars()]
