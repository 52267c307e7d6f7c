"""Repositories as people look at them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from dockyard.errors import UsageError
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import PROJECT, REPOSITORY

_TOGETHER = 500
_LONGEST = 10_000


@dataclass(frozen=True)
class Repository:
    """A repository as it is listed; times are milliseconds since 1970."""

    name: str
    project: str
    description: str
    tags: int
    artifacts: int
    pulls: int
    created_at: int
    pushed_at: int | None
    pulled_at: int | None


def listing(
    database: Database, sees: Callable[[str], bool], *, project: str = "", last: str = "", count: int = 100
) -> list[Repository]:
    """At most `count` repositories after `last` that `sees` lets through, by name; of one project where it is given."""
    found: list[str] = []
    query = select(REPOSITORY.c.name).order_by(REPOSITORY.c.name).limit(_TOGETHER)
    if project:
        query = query.join_from(REPOSITORY, PROJECT, PROJECT.c.id == REPOSITORY.c.project_id)
        query = query.where(PROJECT.c.name == project)
    with database.read() as connection:
        more = True
        while more and len(found) < count:
            names = list(connection.execute(query.where(REPOSITORY.c.name > last)).scalars())
            more = len(names) == _TOGETHER
            last = names[-1] if names else last
            found += [each for each in names if sees(each)]
        rows = connection.execute(_query().where(REPOSITORY.c.name.in_(found[:count])).order_by(REPOSITORY.c.name))
        return [_repository(row) for row in rows]


def get(database: Database, name: str) -> Repository:
    """One repository.

    Raises:
        UnknownNameError: there is none of that name.
    """
    with database.read() as connection:
        row = connection.execute(_query().where(REPOSITORY.c.name == name)).first()
    if row is None:
        raise UnknownNameError(f"there is no repository {name[:255]!r}")
    return _repository(row)


def describe(database: Database, name: str, text: str) -> None:
    """Give a repository a description for people, in Markdown.

    Raises:
        UnknownNameError: there is none of that name.
        UsageError: the text is too long.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"the description has {len(text)} characters", hint=f"Write at most {_LONGEST}.")

    def work(connection: Connection) -> None:
        statement = update(REPOSITORY).where(REPOSITORY.c.name == name).values(description=text)
        if not connection.execute(statement).rowcount:
            raise UnknownNameError(f"there is no repository {name[:255]!r}")
        record(connection, "repository.update", repository=name)

    database.write(work)


def _query() -> Select[Any]:
    tags = select(func.count()).where(TAG.c.repository_id == REPOSITORY.c.id).scalar_subquery()
    artifacts = select(func.count()).where(MANIFEST.c.repository_id == REPOSITORY.c.id).scalar_subquery()
    return select(
        REPOSITORY, PROJECT.c.name.label("project"), tags.label("tags"), artifacts.label("artifacts")
    ).join_from(REPOSITORY, PROJECT, PROJECT.c.id == REPOSITORY.c.project_id)


def _repository(row: Row[Any]) -> Repository:
    return Repository(
        row.name,
        row.project,
        row.description,
        row.tags,
        row.artifacts,
        row.pulls,
        row.created_at,
        row.pushed_at,
        row.pulled_at,
    )
