"""The advisories that touch what a registry holds, the images that each touches, and all findings of a project."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, case, func, select, tuple_

from dockyard.scan.match import Finding
from dockyard.server.clock import stamp
from dockyard.server.database import Database
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import PROJECT, REPOSITORY
from dockyard.server.schema.trust import FINDING
from dockyard.server.spreadsheet import line

_TOGETHER = 200
_PAGES = 50
_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "NEGLIGIBLE", "UNKNOWN")  # as findings have them
_COLUMNS = (
    "repository",
    "tags",
    "digest",
    "advisory",
    "severity",
    "package",
    "version",
    "fixed_version",
    "title",
    "path",
    "found",
)


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
    """At most `count` advisories after `last`, by their name; of one severity where it is given, in either case.

    An advisory that says different things of different packages is as severe as the worst of them.
    """
    rank = case({each: at for at, each in enumerate(_SEVERITIES)}, value=FINDING.c.severity, else_=len(_SEVERITIES) - 1)
    query = (
        select(
            FINDING.c.advisory,
            func.min(rank),
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
        query = query.having(func.min(rank) == _SEVERITIES.index(severity.upper()))
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Advisory(row[0], _SEVERITIES[row[1]], int(row[2]), int(row[3]), bool(row[4]), int(row[5])) for row in rows]


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


def exported(database: Database, project: str, sees: Callable[[str], bool]) -> Iterator[str]:
    """All findings about a project's images as CSV with a head line: by repository, image and advisory; of the
    repositories that `sees` lets through. Holds a few hundred images' at once.
    """
    yield line(_COLUMNS)
    place = (REPOSITORY.c.name, MANIFEST.c.digest)
    query = (
        select(REPOSITORY.c.id, *place)
        .join_from(PROJECT, REPOSITORY, REPOSITORY.c.project_id == PROJECT.c.id)
        .join(MANIFEST, MANIFEST.c.repository_id == REPOSITORY.c.id)
        .where(
            PROJECT.c.name == project, select(FINDING.c.digest).where(FINDING.c.digest == MANIFEST.c.digest).exists()
        )
        .order_by(*place)
        .limit(_TOGETHER)
    )
    last = ("", "")
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(tuple_(*place) > last)).all()
            lines = [
                each
                for row in rows
                if sees(row.name)
                for each in _lines(connection, row.name, _tags(connection, int(row.id), row.digest), row.digest)
            ]
        yield from lines
        if len(rows) < _TOGETHER:
            return
        last = (rows[-1].name, rows[-1].digest)


def _lines(connection: Connection, name: str, tags: Sequence[str], digest: str) -> Iterator[str]:
    query = select(FINDING.c.body, FINDING.c.found_at).where(FINDING.c.digest == digest)
    for body, found_at in connection.execute(query.order_by(FINDING.c.advisory, FINDING.c.package, FINDING.c.path)):
        each = msgspec.json.decode(body, type=Finding)
        what = (each.id, each.severity, each.package, each.version, each.fixed_version, each.title, each.path)
        yield line((name, " ".join(tags), digest, *what, stamp(int(found_at))))


def _tags(connection: Connection, repository: int, digest: str) -> list[str]:
    inside = select(REFERENCE.c.manifest).where(REFERENCE.c.repository_id == repository, REFERENCE.c.child == digest)
    query = select(TAG.c.name).where(
        TAG.c.repository_id == repository, (TAG.c.digest == digest) | TAG.c.digest.in_(inside)
    )
    return list(connection.execute(query.order_by(TAG.c.name).limit(50)).scalars())


def _findings(connection: Connection, advisory: str, digest: str) -> list[Finding]:
    query = select(FINDING.c.body).where(FINDING.c.advisory == advisory, FINDING.c.digest == digest)
    return [msgspec.json.decode(body, type=Finding) for body in connection.execute(query.limit(100)).scalars()]
