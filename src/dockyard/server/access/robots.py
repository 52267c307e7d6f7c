"""Robot accounts: what machines log in with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from dockyard.server.access import secret
from dockyard.server.access.naming import found, free, name, permission_rows, project_number
from dockyard.server.access.principal import Permission, Principal, require
from dockyard.server.access.reading import permissions as parsed
from dockyard.server.access.state import changed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import REFRESH, ROBOT
from dockyard.server.schema.projects import PROJECT


@dataclass(frozen=True)
class Robot:
    """A robot as it is listed. Its name needs no quoting in shells: `robot+project+name`, or `robot+name` of the
    whole system.
    """

    name: str
    project: str
    description: str
    permissions: tuple[Permission, ...]
    expires_at: int | None
    disabled: bool
    created_at: int
    created_by: str
    used_at: int | None


def full_name(project: str, called: str) -> str:
    """What a robot is called everywhere."""
    return f"robot+{project}+{called}" if project else f"robot+{called}"


def add(
    database: Database,
    by: Principal,
    project: str,
    called: str,
    permissions: Sequence[Permission],
    *,
    description: str = "",
    expires_at: int | None = None,
) -> tuple[Robot, str]:
    """Make a robot; the text returned beside it is its secret, which is shown this once and kept only as a hash.

    Args:
        database: where.
        by: a project admin, or for a robot of the whole system a system admin.
        project: empty for the whole system.
        called: the last part of its name.
        permissions: at least one; without globs all repositories of the project are meant.
        description: for people.
        expires_at: milliseconds since 1970; None for never.

    Raises:
        AccessDeniedError, NameNotAllowedError, NameTakenError, UnknownNameError, GlobInvalidError, UsageError: it
            cannot be made so.
    """
    require(by, project, "robot", "create")
    whole = full_name(project, name(called, "a robot"))
    rows = permission_rows(permissions, project)
    value, kept = secret.made(secret.ROBOT)

    def work(connection: Connection) -> Robot:
        free(connection, ROBOT, whole, "robot")
        row = {
            "name": whole,
            "project_id": project_number(connection, project),
            "description": description[:1000],
            "permissions": json.dumps(rows),
            "hash": kept,
            "expires_at": expires_at,
            "disabled": False,
            "created_at": now(),
            "created_by": by.name,
        }
        connection.execute(ROBOT.insert().values(row))
        detail = {"permissions": rows, "expires_at": expires_at, "by": by.name}
        record(connection, "robot.create", project=project, reference=whole, detail=detail)
        return _robot(_found(connection, whole))

    return database.write(work), value


def change(
    database: Database,
    by: Principal,
    whole: str,
    *,
    permissions: Sequence[Permission] | None = None,
    expires_at: int | None = None,
    disabled: bool | None = None,
    description: str | None = None,
) -> Robot:
    """Change what is not None; an `expires_at` of 0 means never.

    Raises:
        AccessDeniedError, UnknownNameError, GlobInvalidError, UsageError: it cannot be changed so.
    """

    def work(connection: Connection) -> Robot:
        row = _own(connection, by, whole, "update")
        values: dict[str, Any] = {}
        detail: dict[str, Any] = {}
        if permissions is not None:
            detail["permissions"] = permission_rows(permissions, row.project or "")
            values["permissions"] = json.dumps(detail["permissions"])
        if expires_at is not None:
            values["expires_at"] = detail["expires_at"] = expires_at or None
        if disabled is not None:
            values["disabled"] = disabled
        if description is not None:
            values["description"] = description[:1000]
        if values:
            connection.execute(update(ROBOT).where(ROBOT.c.id == row.id).values(values))
        changed(database, connection)
        detail |= {"changed": sorted(values), "by": by.name}
        record(connection, "robot.update", project=row.project or "", reference=whole, detail=detail)
        return _robot(_found(connection, whole))

    return database.write(work)


def renew(database: Database, by: Principal, whole: str) -> str:
    """Give the robot another secret; the one before, and all tokens made with it, end.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be done.
    """
    value, kept = secret.made(secret.ROBOT)

    def work(connection: Connection) -> None:
        row = _own(connection, by, whole, "update")
        connection.execute(update(ROBOT).where(ROBOT.c.id == row.id).values(hash=kept))
        connection.execute(delete(REFRESH).where(REFRESH.c.kind == "robot", REFRESH.c.subject_id == row.id))
        changed(database, connection)
        record(connection, "robot.renew", project=row.project or "", reference=whole, detail={"by": by.name})

    database.write(work)
    return value


def remove(database: Database, by: Principal, whole: str) -> None:
    """Remove a robot; all tokens made with it end.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be removed.
    """

    def work(connection: Connection) -> None:
        row = _own(connection, by, whole, "delete")
        connection.execute(delete(REFRESH).where(REFRESH.c.kind == "robot", REFRESH.c.subject_id == row.id))
        connection.execute(delete(ROBOT).where(ROBOT.c.id == row.id))
        changed(database, connection)
        record(connection, "robot.delete", project=row.project or "", reference=whole, detail={"by": by.name})

    database.write(work)


def get(database: Database, by: Principal, whole: str) -> Robot:
    """One robot.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not see it, or there is none.
    """
    with database.read() as connection:
        return _robot(_own(connection, by, whole, "read"))


def listing(database: Database, by: Principal, project: str, *, last: str = "", count: int = 100) -> list[Robot]:
    """At most `count` robots of a project after `last`, by name; of the whole system where `project` is empty.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not, or there is no such project.
    """
    require(by, project, "robot", "list")
    with database.read() as connection:
        number = project_number(connection, project)
        query = _query().where(ROBOT.c.name > last).order_by(ROBOT.c.name).limit(count)
        query = query.where(ROBOT.c.project_id.is_(None) if number is None else ROBOT.c.project_id == number)
        return [_robot(row) for row in connection.execute(query)]


def _query() -> Any:
    return select(ROBOT, PROJECT.c.name.label("project")).join_from(
        ROBOT, PROJECT, ROBOT.c.project_id == PROJECT.c.id, isouter=True
    )


def _found(connection: Connection, whole: str) -> Row[Any]:
    found(connection, ROBOT, whole, "robot")
    row: Row[Any] = connection.execute(_query().where(ROBOT.c.name == whole)).one()
    return row


def _own(connection: Connection, by: Principal, whole: str, action: str) -> Row[Any]:
    row = connection.execute(_query().where(ROBOT.c.name == whole)).first()
    # Whether there is such a robot is for those to know who may change it.
    require(by, (row.project or "") if row is not None else "", "robot", action)
    return row if row is not None else found(connection, ROBOT, whole, "robot")


def _robot(row: Row[Any]) -> Robot:
    return Robot(
        row.name,
        row.project or "",
        row.description,
        parsed(row.permissions),
        row.expires_at,
        row.disabled,
        row.created_at,
        row.created_by,
        row.used_at,
    )
