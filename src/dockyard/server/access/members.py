"""Who has which role in a project."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Table, delete, func, select

from dockyard.errors import UsageError
from dockyard.server.access.naming import UnknownNameError, found, globs
from dockyard.server.access.principal import Principal, require
from dockyard.server.access.roles import ROLES, Role
from dockyard.server.access.state import changed
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import ACCOUNT, GROUP, MEMBER
from dockyard.server.schema.projects import PROJECT

Of = Literal["user", "group"]


@dataclass(frozen=True)
class Member:
    """An account or group in a project. No repositories means all of them."""

    kind: Of
    name: str
    role: Role
    repositories: tuple[str, ...]


def put(
    database: Database,
    by: Principal,
    project: str,
    called: str,
    role: str,
    *,
    kind: Of = "user",
    repositories: Sequence[str] = (),
) -> Member:
    """Give an account or a group a role in a project, in place of the one it had there.

    Args:
        database: where.
        by: who gives it: a project admin.
        project: its name.
        called: the account's or group's name.
        role: one of `ROLES`.
        kind: what `called` is.
        repositories: globs of whole names that narrow pull, push and delete; none for the whole project.

    Raises:
        AccessDeniedError, UnknownNameError, GlobInvalidError, UsageError: it cannot be given.
    """
    require(by, project, "member", "create")
    if role not in ROLES:
        raise UsageError(f"not a role: {role!r}", hint=f"There are {', '.join(ROLES)}.")
    patterns = globs(repositories)

    def work(connection: Connection) -> Member:
        number = found(connection, PROJECT, project, "project").id
        table, column = _of(kind)
        row = {
            "project_id": number,
            column: found(connection, table, called, kind).id,
            "role": role,
            "repositories": json.dumps(patterns),
        }
        statement = database.insert(MEMBER).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", column], set_={"role": role, "repositories": row["repositories"]}
            )
        )
        changed(database, connection)
        detail = {"kind": kind, "role": role, "repositories": patterns, "by": by.name}
        record(connection, "member.set", project=project, reference=called, detail=detail)
        return Member(kind, called, role, tuple(patterns))

    return database.write(work)


def remove(database: Database, by: Principal, project: str, called: str, *, kind: Of = "user") -> None:
    """Take the role away.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be taken.
    """
    require(by, project, "member", "delete")

    def work(connection: Connection) -> None:
        number = found(connection, PROJECT, project, "project").id
        table, column = _of(kind)
        mine = (MEMBER.c.project_id == number, MEMBER.c[column] == found(connection, table, called, kind).id)
        if not connection.execute(delete(MEMBER).where(*mine)).rowcount:
            raise UnknownNameError(f"{called} has no role in {project}")
        changed(database, connection)
        record(connection, "member.delete", project=project, reference=called, detail={"kind": kind, "by": by.name})

    database.write(work)


def listing(database: Database, by: Principal, project: str) -> list[Member]:
    """All members of a project, accounts first.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not, or there is no such project.
    """
    require(by, project, "member", "list")
    query = (
        select(ACCOUNT.c.name.label("account"), GROUP.c.name.label("group"), MEMBER.c.role, MEMBER.c.repositories)
        .select_from(MEMBER)
        .join(ACCOUNT, ACCOUNT.c.id == MEMBER.c.account_id, isouter=True)
        .join(GROUP, GROUP.c.id == MEMBER.c.group_id, isouter=True)
        .order_by(MEMBER.c.account_id.is_(None), func.coalesce(ACCOUNT.c.name, GROUP.c.name))
    )
    with database.read() as connection:
        number = found(connection, PROJECT, project, "project").id
        rows = connection.execute(query.where(MEMBER.c.project_id == number)).all()
    return [
        Member("group" if row[0] is None else "user", row[0] or row[1], row[2], tuple(json.loads(row[3])))
        for row in rows
    ]


def _of(kind: Of) -> tuple[Table, str]:
    return (ACCOUNT, "account_id") if kind == "user" else (GROUP, "group_id")
