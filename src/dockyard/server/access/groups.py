"""Groups of accounts, which may be members of projects like accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from dockyard.server.access.naming import found, free, name
from dockyard.server.access.principal import Principal, require
from dockyard.server.access.state import changed
from dockyard.server.access.users import Source
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import ACCOUNT, GROUP, GROUP_ACCOUNT


@dataclass(frozen=True)
class Group:
    """A group and the names of those in it. Who is in a group of another source is said there, at each login."""

    name: str
    source: Source
    accounts: tuple[str, ...]


def add(database: Database, by: Principal, called: str, *, source: Source = "local") -> Group:
    """Make a group, empty at first.

    Raises:
        AccessDeniedError, NameNotAllowedError, NameTakenError: it cannot be made.
    """
    require(by, "", "group", "create")
    name(called, "a group")

    def work(connection: Connection) -> Group:
        free(connection, GROUP, called, "group")
        connection.execute(GROUP.insert().values({"name": called, "source": source, "created_at": now()}))
        record(connection, "group.create", reference=called, detail={"source": source, "by": by.name})
        return _group(connection, found(connection, GROUP, called, "group"))

    return database.write(work)


def remove(database: Database, by: Principal, called: str) -> None:
    """Remove a group and what its members had through it.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be removed.
    """
    require(by, "", "group", "delete")

    def work(connection: Connection) -> None:
        row = found(connection, GROUP, called, "group")
        connection.execute(delete(GROUP).where(GROUP.c.id == row.id))
        changed(database, connection)
        record(connection, "group.delete", reference=called, detail={"by": by.name})

    database.write(work)


def change(
    database: Database, by: Principal, called: str, *, join: Iterable[str] = (), leave: Iterable[str] = ()
) -> Group:
    """Let accounts join and leave a group.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be changed so.
    """
    require(by, "", "group", "update")
    joining, leaving = list(join), list(leave)

    def work(connection: Connection) -> Group:
        row = found(connection, GROUP, called, "group")
        for each in joining:
            values = {"group_id": row.id, "account_id": found(connection, ACCOUNT, each, "account").id}
            connection.execute(database.insert(GROUP_ACCOUNT).values(values).on_conflict_do_nothing())
        for each in leaving:
            number = found(connection, ACCOUNT, each, "account").id
            connection.execute(
                delete(GROUP_ACCOUNT).where(GROUP_ACCOUNT.c.group_id == row.id, GROUP_ACCOUNT.c.account_id == number)
            )
        changed(database, connection)
        detail = {"joined": joining, "left": leaving, "by": by.name}
        record(connection, "group.update", reference=called, detail=detail)
        return _group(connection, row)

    return database.write(work)


def listing(database: Database, by: Principal, *, last: str = "", count: int = 100) -> list[Group]:
    """At most `count` groups after `last`, by name.

    Raises:
        AccessDeniedError: `by` may not.
    """
    require(by, "", "group", "list")
    query = select(GROUP).where(GROUP.c.name > last).order_by(GROUP.c.name).limit(count)
    with database.read() as connection:
        return [_group(connection, row) for row in connection.execute(query).all()]


def follow(database: Database, connection: Connection, account: int, source: Source, groups: Iterable[str]) -> bool:
    """Let an account be in exactly these groups of another source, which are made where they are not there; groups
    of other sources stay as they are. Returns whether that changed anything.
    """
    wanted: set[int] = set()
    for each in sorted(set(groups)):
        values = {"name": each[:255], "source": source, "created_at": now()}
        connection.execute(database.insert(GROUP).values(values).on_conflict_do_nothing())
        row = found(connection, GROUP, each[:255], "group")
        if row.source == source:  # a local group of that name is not for strangers to join
            wanted.add(int(row.id))
    mine = (
        select(GROUP.c.id)
        .join_from(GROUP_ACCOUNT, GROUP, GROUP.c.id == GROUP_ACCOUNT.c.group_id)
        .where(GROUP_ACCOUNT.c.account_id == account, GROUP.c.source == source)
    )
    had = {int(each) for each in connection.execute(mine).scalars()}
    for number in had - wanted:
        connection.execute(
            delete(GROUP_ACCOUNT).where(GROUP_ACCOUNT.c.group_id == number, GROUP_ACCOUNT.c.account_id == account)
        )
    for number in wanted - had:
        connection.execute(GROUP_ACCOUNT.insert().values({"group_id": number, "account_id": account}))
    return wanted != had


def _group(connection: Connection, row: Row[Any]) -> Group:
    query = (
        select(ACCOUNT.c.name)
        .join_from(GROUP_ACCOUNT, ACCOUNT, GROUP_ACCOUNT.c.account_id == ACCOUNT.c.id)
        .where(GROUP_ACCOUNT.c.group_id == row.id)
        .order_by(ACCOUNT.c.name)
    )
    return Group(row.name, row.source, tuple(connection.execute(query).scalars()))
