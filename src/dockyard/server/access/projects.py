"""Projects as far as access goes: made, opened to the public or closed, removed, listed."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, exists, select, update

from dockyard.errors import UsageError
from dockyard.server.access.naming import found, free, project_name
from dockyard.server.access.principal import AccessDeniedError, Principal, allowed, require
from dockyard.server.access.state import changed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import MEMBER
from dockyard.server.schema.content import MANIFEST, REPOSITORY_BLOB
from dockyard.server.schema.projects import PROJECT, REPOSITORY

Makers = Literal["admins", "everyone"]


class ProjectNotEmptyError(UsageError):
    """A project that has images is not removed by its name alone."""

    reference = "project-not-empty"
    hint = "Delete its repositories first."


@dataclass(frozen=True)
class Project:
    """A project as it is listed."""

    name: str
    public: bool
    quota: int | None
    created_at: int


def add(
    database: Database,
    by: Principal,
    called: str,
    *,
    public: bool = False,
    quota: int | None = None,
    otherwise: int | None = None,
    makers: Makers = "admins",
) -> Project:
    """Make a project. Whoever makes one becomes its project admin.

    Args:
        database: where.
        by: who makes it: a system admin, or with `makers` "everyone" any account.
        called: the first part of its repositories' names.
        public: whether anybody may pull.
        quota: bytes that it may hold. Only system admins may say.
        otherwise: the quota where none is given (settings); None for no bound.
        makers: who may make projects (settings).

    Raises:
        AccessDeniedError, NameNotAllowedError, NameTakenError: it cannot be made.
    """
    anyone = makers == "everyone" and by.account and by.actions == Principal(by.proof, "").actions
    if not anyone or quota is not None:
        require(by, "", "project", "create")
    project_name(called)

    def work(connection: Connection) -> Project:
        database.lock(connection, f"project {called}")
        free(connection, PROJECT, called, "project")
        row = {"name": called, "public": public, "quota": quota or otherwise, "settings": "{}", "created_at": now()}
        connection.execute(PROJECT.insert().values(row))
        number = found(connection, PROJECT, called, "project").id
        if by.account:
            member = {"project_id": number, "account_id": by.account, "role": "project-admin", "repositories": "[]"}
            connection.execute(MEMBER.insert().values(member))
        changed(database, connection)
        record(connection, "project.create", project=called, reference=called, detail={"public": public, "by": by.name})
        return _project(found(connection, PROJECT, called, "project"))

    return database.write(work)


def change(database: Database, by: Principal, called: str, *, public: bool) -> Project:
    """Open a project to the public, or close it.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not, or it is not there.
    """
    require(by, called, "project", "update")

    def work(connection: Connection) -> Project:
        row = found(connection, PROJECT, called, "project")
        connection.execute(update(PROJECT).where(PROJECT.c.id == row.id).values(public=public))
        changed(database, connection)
        record(connection, "project.update", project=called, reference=called, detail={"public": public, "by": by.name})
        return _project(found(connection, PROJECT, called, "project"))

    return database.write(work)


def remove(database: Database, by: Principal, called: str) -> None:
    """Remove a project that has no images, with its members, robots and rules.

    Raises:
        AccessDeniedError, UnknownNameError, ProjectNotEmptyError: it cannot be removed.
    """
    require(by, called, "project", "delete")

    def work(connection: Connection) -> None:
        row = found(connection, PROJECT, called, "project")
        mine = select(REPOSITORY.c.id).where(REPOSITORY.c.project_id == row.id)
        for table in (MANIFEST, REPOSITORY_BLOB):
            if connection.execute(select(exists().where(table.c.repository_id.in_(mine)))).scalar():
                raise ProjectNotEmptyError(f"{called} has images")
        connection.execute(delete(PROJECT).where(PROJECT.c.id == row.id))
        changed(database, connection)
        record(connection, "project.delete", project=called, reference=called, detail={"by": by.name})

    database.write(work)


def get(database: Database, by: Principal, called: str) -> Project:
    """One project, if `by` may know of it.

    Raises:
        AccessDeniedError: it may not, or there is none; which of both is not said.
    """
    with database.read() as connection:
        row = connection.execute(select(PROJECT).where(PROJECT.c.name == called)).first()
    if row is None or not (row.public or allowed(by, called, "project", "read")):
        if row is None and by.admin:
            with database.read() as connection:
                found(connection, PROJECT, called, "project")
        raise AccessDeniedError(f"{by.name} may not read project {called[:128]!r}")
    return _project(row)


def listing(database: Database, by: Principal, *, last: str = "", count: int = 100) -> list[Project]:
    """At most `count` projects after `last` that `by` may know of, by name: its own and the public ones."""
    query = select(PROJECT).where(PROJECT.c.name > last).order_by(PROJECT.c.name).limit(count)
    if not by.admin:
        own = [*by.memberships, *([by.project] if by.project else [])]
        query = query.where(PROJECT.c.public | PROJECT.c.name.in_(own))
    with database.read() as connection:
        return [_project(row) for row in connection.execute(query)]


def _project(row: Row[Any]) -> Project:
    return Project(row.name, row.public, row.quota, row.created_at)
