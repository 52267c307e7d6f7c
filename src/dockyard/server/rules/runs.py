"""When a project's retention runs, and what its runs did."""

from dataclasses import dataclass

from sqlalchemy import select

from dockyard.server.database import Database
from dockyard.server.rules.project import project_number
from dockyard.server.schema.rules import RETENTION, RETENTION_RUN


@dataclass(frozen=True)
class Run:
    """What a run did: manifests kept and removed, and the bytes that this frees. `at` is milliseconds since 1970."""

    number: int
    at: int
    dry: bool
    kept: int
    removed: int
    bytes: int


def schedule_of(database: Database, project: str) -> tuple[int, int]:
    """Hours between runs, 0 for none, and the time of the next in milliseconds since 1970.

    Raises:
        ProjectUnknownError: there is no such project.
    """
    with database.read() as connection:
        number = project_number(connection, project)
        query = select(RETENTION.c.hours, RETENTION.c.next_at).where(RETENTION.c.project_id == number)
        row = connection.execute(query).first()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def runs(database: Database, project: str, *, before: int = 0, count: int = 100) -> list[Run]:
    """A project's runs, newest first; `before` is the number of the last one seen.

    Raises:
        ProjectUnknownError: there is no such project.
    """
    table = RETENTION_RUN.c
    query = select(table.id, table.at, table.dry, table.kept, table.removed, table.bytes)
    with database.read() as connection:
        query = query.where(table.project_id == project_number(connection, project))
        query = query.where(table.id < before) if before else query
        rows = connection.execute(query.order_by(table.id.desc()).limit(count)).all()
    return [Run(*row) for row in rows]
