"""Consumers of the event table, with an offset each: every event is seen once it is committed, in order.

A follower that fails on an event sees it again, so what it does must be harmless the second time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, text

from dockyard.server.database import Database
from dockyard.server.events import IN_FLIGHT
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER

_MOST = 200


def follow(database: Database, name: str, handle: Callable[[RowMapping], Any], *, most: int = _MOST) -> int:
    """Give the follower `name` the events that it has not seen, at most `most`; returns how many it saw.

    Raises:
        Exception: what `handle` raised; the events before that one are done with.
    """
    seen, events = _unseen(database, name, most)
    done = 0
    last = seen
    try:
        for event in events:
            handle(event)
            last = int(event["id"])
            done += 1
    finally:
        if last != seen:
            _mark(database, name, last)
    return done


def follow_together(
    database: Database, name: str, handle: Callable[[Connection, Sequence[RowMapping]], Any], *, most: int = _MOST
) -> int:
    """As `follow`, with all events at once and in the transaction that notes them as seen: what `handle` writes with
    the connection is written exactly once.
    """
    seen, events = _unseen(database, name, most)
    if not events:
        return 0

    def work(connection: Connection) -> int:
        database.lock(connection, f"follower {name}")
        query = select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == name)
        if (connection.execute(query).scalar() or 0) != seen:
            return 0  # another process was quicker
        handle(connection, events)
        connection.execute(_marking(database, name, int(events[-1]["id"])))
        return len(events)

    return database.write(work)


def behind(database: Database, name: str) -> bool:
    """Whether there are events that the follower has not seen."""
    with database.read() as connection:
        seen = connection.execute(select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == name)).scalar() or 0
        return connection.execute(select(EVENT.c.id).where(EVENT.c.id > seen).limit(1)).first() is not None


def _unseen(database: Database, name: str, most: int) -> tuple[int, list[RowMapping]]:
    """The last event that the follower has seen, and what comes after it."""
    newest = None
    if database.postgresql:
        if not behind(database, name):
            return 0, []
        # An event with a lower number may still be on its way into the table: wait for all that are.
        with database.read() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": IN_FLIGHT})
            newest = connection.execute(select(func.max(EVENT.c.id))).scalar() or 0
    with database.read() as connection:
        seen = connection.execute(select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == name)).scalar() or 0
        query = select(EVENT).where(EVENT.c.id > seen).order_by(EVENT.c.id).limit(most)
        if newest is not None:
            query = query.where(EVENT.c.id <= newest)
        return int(seen), list(connection.execute(query).mappings())


def begin_at_the_end(database: Database, name: str) -> None:
    """Let a new follower see only what happens from now on; one that is known goes on where it is."""
    known = select(FOLLOWER.c.name).where(FOLLOWER.c.name == name)
    with database.read() as connection:
        if connection.execute(known).first() is not None:
            return

    def work(connection: Connection) -> None:
        last = connection.execute(select(func.max(EVENT.c.id))).scalar() or 0
        statement = database.insert(FOLLOWER).values({"name": name, "event_id": last})
        connection.execute(statement.on_conflict_do_nothing())

    database.write(work)


def _mark(database: Database, name: str, last: int) -> None:
    statement = _marking(database, name, last)
    database.write(lambda connection: connection.execute(statement).rowcount)


def _marking(database: Database, name: str, last: int) -> Any:
    statement = database.insert(FOLLOWER).values({"name": name, "event_id": last})
    return statement.on_conflict_do_update(index_elements=["name"], set_={"event_id": last})
