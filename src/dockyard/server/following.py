"""Followers of the events: each sees every event once it is written, in order, and goes on where it stopped.

A follower that fails on an event sees it again, so what it does must be harmless the second time.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from dockyard.server.database import Database
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER

_MOST = 200


def follow(database: Database, name: str, handle: Callable[[RowMapping], Any], *, most: int = _MOST) -> int:
    """Give the follower `name` the events that it has not seen, at most `most`; returns how many it saw.

    Raises:
        Exception: what `handle` raised; the events before that one are done with.
    """
    with database.read() as connection:
        seen = connection.execute(select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == name)).scalar() or 0
        query = select(EVENT).where(EVENT.c.id > seen).order_by(EVENT.c.id).limit(most)
        events = list(connection.execute(query).mappings())
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


def begin_at_the_end(database: Database, name: str) -> None:
    """Let a new follower see only what happens from now on; one that is known goes on where it is."""

    def work(connection: Connection) -> None:
        last = connection.execute(select(func.max(EVENT.c.id))).scalar() or 0
        statement = database.insert(FOLLOWER).values({"name": name, "event_id": last})
        connection.execute(statement.on_conflict_do_nothing())

    database.write(work)


def _mark(database: Database, name: str, last: int) -> None:
    statement = database.insert(FOLLOWER).values({"name": name, "event_id": last})
    statement = statement.on_conflict_do_update(index_elements=["name"], set_={"event_id": last})
    database.write(lambda connection: connection.execute(statement).rowcount)
