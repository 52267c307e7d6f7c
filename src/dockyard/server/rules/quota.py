"""How many bytes a project may hold: every blob counts once, however many repositories and manifests need it."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from dockyard.errors import UsageError
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.rules.project import project_number
from dockyard.server.schema.projects import PROJECT, USAGE

WARN_AT = 0.85


class QuotaInvalidError(UsageError):
    """A quota is a number of bytes from 1 on."""

    reference = "quota-invalid"
    hint = "Write it like 500MB or 10GB, or none for no bound."


class Quota(NamedTuple):
    """What a project uses and may use, in bytes; None is no bound."""

    project: str
    used: int
    most: int | None

    @property
    def part(self) -> int:
        """How much of the quota is used, in percent; 0 without one."""
        return self.used * 100 // self.most if self.most else 0

    @property
    def full(self) -> bool:
        """Whether little of the quota is left."""
        return self.most is not None and self.used >= WARN_AT * self.most


def used(connection: Connection, project: int) -> int:
    """How many bytes the project's blobs have, each counted once."""
    query = select(func.coalesce(func.sum(USAGE.c.bytes), 0)).where(USAGE.c.project_id == project)
    return int(connection.execute(query).scalar_one())


def quotas(database: Database, *, wanted: str = "", last: str = "", count: int | None = None) -> list[Quota]:
    """Every project's whose name has `wanted` in it, in the order of their names; at most `count` after `last`."""
    query = (
        select(PROJECT.c.name, func.coalesce(func.sum(USAGE.c.bytes), 0), PROJECT.c.quota)
        .join_from(PROJECT, USAGE, USAGE.c.project_id == PROJECT.c.id, isouter=True)
        .group_by(PROJECT.c.name, PROJECT.c.quota)
        .where(PROJECT.c.name > last, PROJECT.c.name.contains(wanted, autoescape=True))
        .order_by(PROJECT.c.name)
        .limit(count)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Quota(str(row[0]), int(row[1]), None if row[2] is None else int(row[2])) for row in rows]


def quota_of(database: Database, project: str) -> Quota:
    """One project's.

    Raises:
        ProjectUnknownError: there is none of that name.
    """
    with database.read() as connection:
        number = project_number(connection, project)
        most = connection.execute(select(PROJECT.c.quota).where(PROJECT.c.id == number)).scalar()
        return Quota(project, used(connection, number), None if most is None else int(most))


def set_quota(database: Database, project: str, most: int | None) -> Quota:
    """Bound what a project may hold. What it holds already stays, even if that is more.

    Raises:
        ProjectUnknownError, QuotaInvalidError.
    """
    if most is not None and not 0 < most < 1 << 62:
        raise QuotaInvalidError(f"no quota: {most}")

    def work(connection: Connection) -> int:
        number = project_number(connection, project)
        connection.execute(update(PROJECT).where(PROJECT.c.id == number).values(quota=most))
        record(connection, "quota.update", project=project, reference=project, detail={"bytes": most})
        return used(connection, number)

    return Quota(project, database.write(work), most)
