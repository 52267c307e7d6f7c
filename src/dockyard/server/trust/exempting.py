"""Exemptions: an advisory or an image that is accepted for a reason, until a day, in one project or in all of them.

Those of all projects have an empty project. Each that is made or withdrawn is noted as an event.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select

from dockyard.errors import UsageError
from dockyard.registry.caller import CALLER
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.trust import EXEMPTION


class ExemptionUnknownError(UsageError):
    """There is no exemption of that number in the project, or in the whole system."""

    reference = "exemption-unknown"


def exempt(database: Database, project: str, subject: str, reason: str, until: int | None) -> int:
    """Accept an advisory (`CVE-…`) or an image (its digest); returns the exemption's number.

    Args:
        database: of the registry.
        project: where; empty for all projects.
        subject: the advisory or digest.
        reason: why; shown to whoever asks.
        until: milliseconds since 1970; None for no end.
    """

    def work(connection: Connection) -> int:
        values = {"project": project, "subject": subject, "reason": reason, "until": until}
        made = connection.execute(
            insert(EXEMPTION)
            .values(values | {"made_by": CALLER.get().name, "made_at": now()})
            .returning(EXEMPTION.c.id)
        ).scalar_one()
        record(connection, "exemption.create", project=project, reference=subject, detail=values)
        return int(made)

    return database.write(work)


def withdraw(database: Database, project: str, number: int) -> None:
    """End an exemption of a project; of the whole system where that is empty.

    Raises:
        ExemptionUnknownError: there is none.
    """

    def work(connection: Connection) -> None:
        mine = (EXEMPTION.c.project == project, EXEMPTION.c.id == number)
        subject = connection.execute(select(EXEMPTION.c.subject).where(*mine)).scalar()
        if subject is None:
            raise ExemptionUnknownError(f"{project or 'the whole system'} has no exemption {number}")
        connection.execute(delete(EXEMPTION).where(*mine))
        record(connection, "exemption.delete", project=project, reference=str(subject))

    database.write(work)


def exemptions(database: Database, project: str) -> Sequence[RowMapping]:
    """Every exemption that holds or held in a project: its own, then those of all projects. Without a project these
    alone.
    """
    query = select(EXEMPTION).where(EXEMPTION.c.project.in_({project, ""}))
    with database.read() as connection:
        return connection.execute(query.order_by(EXEMPTION.c.project == "", EXEMPTION.c.id)).mappings().all()


def accepted(database: Database, project: str) -> set[str]:
    """What the project accepts now."""
    moment = now()
    return {
        str(each["subject"])
        for each in exemptions(database, project)
        if each["until"] is None or each["until"] > moment
    }
