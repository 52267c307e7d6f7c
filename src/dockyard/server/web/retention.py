"""What a project keeps: its rules, what they would remove now, and what they removed."""

from dataclasses import dataclass
from typing import NamedTuple, get_args

from sqlalchemy import select

from dockyard.server.database import Database
from dockyard.server.rules import retention, retention_rules
from dockyard.server.rules.choice import Held
from dockyard.server.rules.project import project_number
from dockyard.server.schema.rules import RETENTION, RETENTION_RUN
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import Visit

_SHOWN = 200
_RUNS = 20


@dataclass(frozen=True)
class Trial:
    """What a run would do now; the lists are cut off where they are long, the numbers are not."""

    kept: int
    removed: int
    bytes: int
    goes: list[tuple[str, Held]]
    stays: list[tuple[str, Held, str]]


class Run(NamedTuple):
    """A run of the past."""

    at: int
    dry: bool
    kept: int
    removed: int
    bytes: int


def _show(visit: Visit) -> Answer:
    top = head(visit)
    visit.demand(top.name, "retention", "read")
    database = visit.desk.database
    hours, runs = _past(database, top.name)
    words = {
        "project": top,
        "rules": retention_rules.listed(database, top.name),
        "ways": get_args(retention_rules.Keep),
        "hours": hours,
        "runs": runs,
        "trial": _trial(visit, top.name) if visit.query("dry") else None,
    }
    return Page("retention.html", words)


def _trial(visit: Visit, project: str) -> Trial:
    plan = retention.plan(visit.desk.registry.holdings, project)
    removed = [each for each in plan.removed() if visit.may(each[0])]
    stays = [
        (part.name, part.held[digest], reason)
        for part in plan.parts
        if visit.may(part.name)
        for digest, reason in part.choice.kept.items()
    ]
    stays.sort(key=lambda each: (each[0], -each[1].pushed))
    kept = sum(len(part.choice.kept) for part in plan.parts)
    count = sum(len(part.choice.removed) for part in plan.parts)
    return Trial(kept, count, plan.bytes, removed[:_SHOWN], stays[:_SHOWN])


def _past(database: Database, project: str) -> tuple[int, list[Run]]:
    with database.read() as connection:
        number = project_number(connection, project)
        hours = connection.execute(select(RETENTION.c.hours).where(RETENTION.c.project_id == number)).scalar()
        run = RETENTION_RUN.c
        query = select(run.at, run.dry, run.kept, run.removed, run.bytes).where(run.project_id == number)
        rows = connection.execute(query.order_by(run.id.desc()).limit(_RUNS)).all()
    return int(hours or 0), [Run(*row) for row in rows]


def _add(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "retention", "create")
    made = retention_rules.add(
        visit.desk.database,
        project,
        visit.text("keep"),
        visit.whole("amount"),
        repositories=visit.text("repositories", 512) or "**",
        tags=visit.text("tags", 512) or "**",
        untagged=visit.checked("untagged"),
        labels=visit.text("labels", 512),
    )
    return Moved(
        f"/projects/{project}/retention", f"{str(made).capitalize()} is added. Nothing is removed before a run."
    )


def _remove(visit: Visit) -> Answer:
    project, number = visit.places[0], visit.whole("number")
    visit.demand(project, "retention", "delete")
    retention_rules.remove(visit.desk.database, project, number)
    return Moved(f"/projects/{project}/retention", f"Rule {number} is removed.")


def _schedule(visit: Visit) -> Answer:
    project, hours = visit.places[0], visit.whole("hours")
    visit.demand(project, "retention", "update")
    retention_rules.schedule(visit.desk.database, project, hours)
    said = f"The rules are applied every {hours} hours." if hours else "The rules are applied only when somebody asks."
    return Moved(f"/projects/{project}/retention", said)


def _run(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "retention", "operate")
    visit.desk.jobs.defer("retention", {"project": project}, key=f"retention {project}")
    return Moved(f"/projects/{project}/retention", "The run is on its way; it appears below when it is done.")


VIEW = View(_show, {"add": _add, "remove": _remove, "schedule": _schedule, "run": _run})
