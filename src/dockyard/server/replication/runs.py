"""Runs of replication rules: what each has to do, kept until it is done, and how it went."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, select, update

from dockyard.errors import UsageError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.replication.rules import Rule
from dockyard.server.schema.replication import REPLICATION_ITEM, REPLICATION_RULE, REPLICATION_RUN

_KEPT = 200


class ReplicationRunUnknownError(UsageError):
    """There is no run of that number, or it is so old that it is no longer kept."""

    reference = "replication-run-unknown"
    hint = "`dockyard registry replication history` shows the numbers."


_TEXT = 500
_TOGETHER = 500


class Item(NamedTuple):
    """A tag or manifest to copy or delete."""

    number: int
    run: int
    rule: int
    repository: str
    reference: str
    action: str
    attempts: int


@dataclass(frozen=True)
class Run:
    """A run of a rule; `state` is listing, running, done or failed. `left` counts what is still to do."""

    number: int
    rule: str
    trigger: str
    state: str
    counts: Mapping[str, int]
    error: str
    left: int
    started_at: int
    finished_at: int | None

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def begin(connection: Connection, rule: Rule, trigger: str, *, listed: bool = False) -> int:
    """Begin a run; returns its number. `listed`: what it has to do is given to `put` at once."""
    values = {
        "rule_id": rule.number,
        "trigger": trigger,
        "state": "running" if listed else "listing",
        "attempts": 0,
        "due_at": now(),
        "counts": "{}",
        "started_at": now(),
    }
    number = connection.execute(REPLICATION_RUN.insert().values(values).returning(REPLICATION_RUN.c.id)).scalar_one()
    ended = (REPLICATION_RUN.c.rule_id == rule.number, REPLICATION_RUN.c.state.in_(("done", "failed")))
    edge = select(REPLICATION_RUN.c.id).where(*ended).order_by(REPLICATION_RUN.c.id.desc()).offset(_KEPT).limit(1)
    oldest = connection.execute(edge).scalar()
    if oldest is not None:
        connection.execute(delete(REPLICATION_RUN).where(*ended, REPLICATION_RUN.c.id <= oldest))
    return int(number)


def put(database: Database, connection: Connection, run: int, items: Iterable[tuple[str, str, str]]) -> None:
    """Let a run do something for each repository, reference and action; the last action for one reference counts."""
    last = {(repository, reference): action for repository, reference, action in items}
    rows = [
        {
            "run_id": run,
            "repository": repository,
            "reference": reference,
            "action": action,
            "state": "waiting",
            "attempts": 0,
            "due_at": now(),
            "error": "",
        }
        for (repository, reference), action in last.items()
    ]
    for at in range(0, len(rows), _TOGETHER):
        statement = database.insert(REPLICATION_ITEM).on_conflict_do_nothing()
        connection.execute(statement, rows[at : at + _TOGETHER])


def listing(database: Database) -> list[tuple[int, int, int]]:
    """The runs of rules in force whose work has to be listed now, each with its rule's number and its attempts."""
    query = (
        select(REPLICATION_RUN.c.id, REPLICATION_RUN.c.rule_id, REPLICATION_RUN.c.attempts)
        .join_from(REPLICATION_RUN, REPLICATION_RULE, REPLICATION_RULE.c.id == REPLICATION_RUN.c.rule_id)
        .where(REPLICATION_RUN.c.state == "listing", REPLICATION_RUN.c.due_at <= now(), REPLICATION_RULE.c.active)
    )
    with database.read() as connection:
        return [(int(row[0]), int(row[1]), int(row[2])) for row in connection.execute(query).all()]


def listed(database: Database, run: int, items: Sequence[tuple[str, str, str]]) -> None:
    """What a run has to do is known."""

    def work(connection: Connection) -> None:
        mine = (REPLICATION_RUN.c.id == run, REPLICATION_RUN.c.state == "listing")
        if not connection.execute(update(REPLICATION_RUN).where(*mine).values(state="running")).rowcount:
            return  # it was cancelled
        put(database, connection, run, items)
        _end(connection, run)

    database.write(work)


def postponed(database: Database, run: int, error: str, due: int | None) -> None:
    """What a run has to do could not be listed: it is tried again at `due`, or has failed."""

    def work(connection: Connection) -> None:
        values: dict[str, Any] = {"attempts": REPLICATION_RUN.c.attempts + 1, "error": error[:_TEXT]}
        values |= {"due_at": due} if due is not None else {"state": "failed", "finished_at": now()}
        mine = (REPLICATION_RUN.c.id == run, REPLICATION_RUN.c.state == "listing")
        if connection.execute(update(REPLICATION_RUN).where(*mine).values(values)).rowcount and due is None:
            _tell(connection, run)

    database.write(work)


def due(database: Database, most: int, but: set[int]) -> list[Item]:
    """Items that are due, of rules that are in force, oldest first."""
    query = (
        select(REPLICATION_ITEM, REPLICATION_RUN.c.rule_id)
        .join_from(REPLICATION_ITEM, REPLICATION_RUN, REPLICATION_RUN.c.id == REPLICATION_ITEM.c.run_id)
        .join(REPLICATION_RULE, REPLICATION_RULE.c.id == REPLICATION_RUN.c.rule_id)
        .where(
            REPLICATION_ITEM.c.state == "waiting",
            REPLICATION_ITEM.c.due_at <= now(),
            REPLICATION_ITEM.c.id.notin_(but),
            REPLICATION_RULE.c.active,
        )
        .order_by(REPLICATION_ITEM.c.id)
        .limit(most)
    )
    with database.read() as connection:
        return [_item(row) for row in connection.execute(query).all()]


def done(database: Database, item: Item, counts: Mapping[str, int]) -> None:
    """An item is done, and is part of its run's counts from now on."""

    def work(connection: Connection) -> None:
        if not connection.execute(delete(REPLICATION_ITEM).where(REPLICATION_ITEM.c.id == item.number)).rowcount:
            return
        _count(connection, item.run, counts)
        _end(connection, item.run)

    database.write(work)


def failed(database: Database, item: Item, error: str, due: int | None) -> None:
    """An item went wrong: it is tried again at `due`, or stays failed."""

    def work(connection: Connection) -> None:
        values: dict[str, Any] = {"attempts": item.attempts + 1, "error": error[:_TEXT]}
        values |= {"due_at": due} if due is not None else {"state": "failed"}
        connection.execute(update(REPLICATION_ITEM).where(REPLICATION_ITEM.c.id == item.number).values(values))
        _count(connection, item.run, {"retried" if due is not None else "failed": 1})
        _end(connection, item.run)

    database.write(work)


def history(database: Database, *, rule: str = "", before: int = 0, count: int = 50) -> list[Run]:
    """Runs, newest first; `before` is the number of the last one seen."""
    left = (
        select(func.count())
        .select_from(REPLICATION_ITEM)
        .where(REPLICATION_ITEM.c.run_id == REPLICATION_RUN.c.id, REPLICATION_ITEM.c.state == "waiting")
        .scalar_subquery()
    )
    query = (
        select(REPLICATION_RUN, REPLICATION_RULE.c.name, left.label("left"))
        .join_from(REPLICATION_RUN, REPLICATION_RULE, REPLICATION_RULE.c.id == REPLICATION_RUN.c.rule_id)
        .order_by(REPLICATION_RUN.c.id.desc())
        .limit(count)
    )
    if rule:
        query = query.where(REPLICATION_RULE.c.name == rule)
    if before:
        query = query.where(REPLICATION_RUN.c.id < before)
    with database.read() as connection:
        return [_run(row) for row in connection.execute(query).all()]


def run(database: Database, number: int) -> Run:
    """One run.

    Raises:
        ReplicationRunUnknownError: there is none of that number, or it is no longer kept.
    """
    found = history(database, before=number + 1, count=1)
    if not found or found[0].number != number:
        raise ReplicationRunUnknownError(f"there is no run {number}")
    return found[0]


def cancel(database: Database, number: int) -> bool:
    """Let a run do no more; returns whether it was still under way. What is being copied just now is finished.

    Raises:
        ReplicationRunUnknownError: there is none of that number.
    """
    run(database, number)

    def work(connection: Connection) -> bool:
        mine = (REPLICATION_RUN.c.id == number, REPLICATION_RUN.c.state.in_(("listing", "running")))
        statement = update(REPLICATION_RUN).where(*mine)
        if not connection.execute(statement.values(state="failed", error="cancelled", finished_at=now())).rowcount:
            return False
        connection.execute(delete(REPLICATION_ITEM).where(REPLICATION_ITEM.c.run_id == number))
        _tell(connection, number)
        return True

    return database.write(work)


def errors(database: Database, run: int, *, count: int = 100) -> list[dict[str, Any]]:
    """What a run could not do, or not yet, and why."""
    columns = ("repository", "reference", "action", "state", "attempts", "due_at", "error")
    query = (
        select(*(REPLICATION_ITEM.c[name] for name in columns))
        .where(REPLICATION_ITEM.c.run_id == run, REPLICATION_ITEM.c.error != "")
        .order_by(REPLICATION_ITEM.c.id)
        .limit(count)
    )
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _count(connection: Connection, run: int, counts: Mapping[str, int]) -> None:
    query = select(REPLICATION_RUN.c.counts).where(REPLICATION_RUN.c.id == run).with_for_update()
    before = connection.execute(query).scalar()
    if before is not None:
        total = Counter(json.loads(before))
        total.update(counts)
        statement = update(REPLICATION_RUN).where(REPLICATION_RUN.c.id == run)
        connection.execute(statement.values(counts=json.dumps(total)))


def _end(connection: Connection, run: int) -> None:
    """End a run that has nothing left to do."""
    mine = REPLICATION_ITEM.c.run_id == run
    query = select(REPLICATION_ITEM.c.state, func.count()).where(mine).group_by(REPLICATION_ITEM.c.state)
    states = {str(state): int(count) for state, count in connection.execute(query).all()}
    if states.get("waiting"):
        return
    state = "failed" if states.get("failed") else "done"
    statement = update(REPLICATION_RUN).where(REPLICATION_RUN.c.id == run, REPLICATION_RUN.c.state == "running")
    if connection.execute(statement.values(state=state, finished_at=now())).rowcount:
        _tell(connection, run)


def _tell(connection: Connection, run: int) -> None:
    query = (
        select(REPLICATION_RULE.c.name, REPLICATION_RUN.c.state, REPLICATION_RUN.c.counts, REPLICATION_RUN.c.error)
        .join_from(REPLICATION_RUN, REPLICATION_RULE, REPLICATION_RULE.c.id == REPLICATION_RUN.c.rule_id)
        .where(REPLICATION_RUN.c.id == run)
    )
    row = connection.execute(query).one()
    detail = {"run": run, "counts": json.loads(row.counts), **({"error": row.error} if row.error else {})}
    record(connection, f"replication.{row.state}", reference=row.name, detail=detail)


def _item(row: Row[Any]) -> Item:
    return Item(
        int(row.id), int(row.run_id), int(row.rule_id), row.repository, row.reference, row.action, int(row.attempts)
    )


def _run(row: Row[Any]) -> Run:
    return Run(
        int(row.id),
        row.name,
        row.trigger,
        row.state,
        json.loads(row.counts),
        row.error,
        int(row.left),
        row.started_at,
        row.finished_at,
    )
