"""The table of jobs: how they come, go and are told of."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.jobs import JOB

_KEPT = 100
_TEXT = 4000
_RESULT = 20_000


@dataclass(frozen=True)
class Job:
    """A job. Times are milliseconds since 1970; `state` is waiting, running, done, failed or cancelled."""

    number: int
    name: str
    arguments: Mapping[str, Any]
    state: str
    due_at: int
    attempts: int
    progress: str
    error: str
    result: Any
    created_at: int
    started_at: int | None
    finished_at: int | None

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def periodic(name: str) -> str:
    """The key of a periodic task's jobs."""
    return f"periodic {name}"


def add(database: Database, name: str, arguments: Mapping[str, Any], due: int, key: str) -> int | None:
    """Put a job into the table; None where an unfinished one has the same key.

    Args:
        database: of the registry.
        name: the task's.
        arguments: what it is called with; JSON.
        due: when, in milliseconds since 1970; 0 for at once.
        key: of which there is one unfinished job at most; empty for none.
    """
    values = {
        "name": name,
        "arguments": json.dumps(arguments),
        "key": key or None,
        "state": "waiting",
        "due_at": due or now(),
        "created_at": now(),
    }

    def work(connection: Connection) -> int | None:
        try:
            with connection.begin_nested():
                return int(connection.execute(JOB.insert().values(values).returning(JOB.c.id)).scalar_one())
        except IntegrityError:
            return None

    return database.write(work)


def unfinished(database: Database, key: str) -> int | None:
    """The number of the unfinished job with that key; None where there is none."""
    with database.read() as connection:
        query = select(JOB.c.id).where(JOB.c.key == key, JOB.c.state.in_(("waiting", "running")))
        found = connection.execute(query.order_by(JOB.c.id)).scalar()
    return None if found is None else int(found)


def claim(database: Database) -> Job | None:
    """The job that is due first, now running; None where none is."""

    def work(connection: Connection) -> Job | None:
        query = select(JOB).where(JOB.c.state == "waiting", JOB.c.due_at <= now()).order_by(JOB.c.due_at, JOB.c.id)
        row = connection.execute(query.limit(1).with_for_update(skip_locked=True)).first()
        if row is None:
            return None
        values = {"state": "running", "attempts": row.attempts + 1, "started_at": now(), "progress": ""}
        done = connection.execute(update(JOB).where(JOB.c.id == row.id).values(values).returning(JOB)).one()
        return _job(done)

    with database.read() as connection:  # most of the time there is nothing, and nothing to write
        due = select(JOB.c.id).where(JOB.c.state == "waiting", JOB.c.due_at <= now()).limit(1)
        if connection.execute(due).first() is None:
            return None
    return database.write(work)


def finish(
    database: Database,
    job: Job,
    state: str,
    *,
    error: str = "",
    result: Any = None,
    due: int = 0,
    quiet: bool = False,
) -> None:
    """Note how a job ended, or with the state `waiting` that it is to be tried again at `due`; forget old ones.

    Of the turns of a periodic task that found nothing to do only the last is kept, and so it is of all that went well
    where the task is `quiet`: what was done stays in sight.
    """
    text = json.dumps(result, default=str)
    values = {
        "state": state,
        "error": error[:_TEXT],
        "result": text if len(text) <= _RESULT else json.dumps(text[:1000]),
        "cancel": False,
        **({"due_at": due} if state == "waiting" else {"finished_at": now()}),
    }

    def work(connection: Connection) -> None:
        connection.execute(update(JOB).where(JOB.c.id == job.number).values(values))
        if state == "done" and (quiet or _nothing(result)):
            key = connection.execute(select(JOB.c.key).where(JOB.c.id == job.number)).scalar()
            same = (JOB.c.name == job.name, JOB.c.key == key, JOB.c.state == "done", JOB.c.id < job.number)
            if quiet:
                connection.execute(delete(JOB).where(*same))
            elif key == periodic(job.name):
                connection.execute(delete(JOB).where(*same, JOB.c.result == text))
        ended = (JOB.c.name == job.name, JOB.c.state.in_(("done", "failed", "cancelled")))
        edge = select(JOB.c.id).where(*ended).order_by(JOB.c.id.desc()).offset(_KEPT).limit(1)
        oldest = connection.execute(edge).scalar()
        if oldest is not None:
            connection.execute(delete(JOB).where(*ended, JOB.c.id <= oldest))

    database.write(work)


def note(database: Database, job: Job, text: str) -> bool:
    """Keep a job's progress; returns whether somebody wants it to end."""

    def work(connection: Connection) -> bool:
        statement = update(JOB).where(JOB.c.id == job.number).values(progress=text[:_TEXT])
        return bool(connection.execute(statement.returning(JOB.c.cancel)).scalar())

    return database.write(work)


def cancel(database: Database, number: int) -> bool:
    """Let a waiting job not begin, and a running one end soon."""

    def work(connection: Connection) -> bool:
        mine = JOB.c.id == number
        values = {"state": "cancelled", "finished_at": now()}
        waiting = update(JOB).where(mine, JOB.c.state == "waiting").values(values)
        running = update(JOB).where(mine, JOB.c.state == "running").values(cancel=True)
        return any(connection.execute(each).rowcount for each in (waiting, running))

    return database.write(work)


def recover(database: Database) -> int:
    """Let jobs wait again that were running in a process that is no more; returns how many."""

    def work(connection: Connection) -> int:
        statement = update(JOB).where(JOB.c.state == "running").values(state="waiting", due_at=now())
        return connection.execute(statement).rowcount

    return database.write(work)


def hasten(database: Database, key: str, due: int) -> None:
    """Let the waiting job of this key be due at `due` at the latest."""

    def work(connection: Connection) -> None:
        late = (JOB.c.key == key, JOB.c.state == "waiting", JOB.c.due_at > due)
        connection.execute(update(JOB).where(*late).values(due_at=due))

    database.write(work)


def jobs(database: Database, *, name: str = "", state: str = "", before: int = 0, count: int = 100) -> list[Job]:
    """Jobs, newest first; `before` is the number of the last one seen."""
    query = select(JOB).order_by(JOB.c.id.desc()).limit(count)
    if name:
        query = query.where(JOB.c.name == name)
    if state:
        query = query.where(JOB.c.state == state)
    if before:
        query = query.where(JOB.c.id < before)
    with database.read() as connection:
        return [_job(row) for row in connection.execute(query).all()]


def _nothing(result: Any) -> bool:
    """Whether a result says that there was nothing to do."""
    if isinstance(result, Mapping):
        return all(_nothing(each) for each in result.values())
    return not result


def _job(row: Row[Any]) -> Job:
    return Job(
        int(row.id),
        row.name,
        json.loads(row.arguments),
        row.state,
        row.due_at,
        row.attempts,
        row.progress,
        row.error,
        json.loads(row.result),
        row.created_at,
        row.started_at,
        row.finished_at,
    )
