"""Jobs: what runs, waits and ran, with a way to start and to end one."""

from dataclasses import dataclass

from sqlalchemy import select

from dockyard.server.jobs import history
from dockyard.server.jobs.history import Job
from dockyard.server.jobs.interface import TaskUnknownError
from dockyard.server.schema.jobs import JOB
from dockyard.server.trust import scan_all, scan_schedule
from dockyard.server.trust.scan_schedule import ScanSchedule
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import FieldInvalidError, Visit

_COUNT = 50
_STATES = ("waiting", "running", "done", "failed", "cancelled")
_TOLD = {
    "scan": "looks at what was pushed: packages and findings",
    "scan-all": "looks at everything that is stored, as it is asked to or by its schedule",
    "match": "matches a new feed of advisories with what is stored",
    "collect": "removes blobs that nothing needs any longer",
    "sweep": "removes uploads that nobody finished, and finds what a killed process left",
    "retention": "applies the projects' rules that are due",
    "verify": "proves that every tag is complete",
    "webhooks": "tells other systems what happened",
    "audit": "chains the audit log, so that a change to it shows",
    "prune": "removes old events from the audit log, as its schedule says",
    "replication": "copies images to and from other registries",
}


@dataclass(frozen=True)
class Line:
    """A task: what it does, its job under way or waiting, and the last that ended."""

    name: str
    told: str
    next: Job | None
    last: Job | None


def _show(visit: Visit) -> Answer:
    visit.demand("", "job", "list")
    database = visit.desk.database
    name, state, before = visit.query("name"), visit.query("state"), visit.query("before", 17)
    number = int(before) if before.isascii() and before.isdigit() else 0
    found = history.jobs(database, name=name, state=state if state in _STATES else "", before=number, count=_COUNT + 1)
    periodic = _periodic(visit, [each.number for each in found])
    lines = [_line(visit, each) for each in visit.desk.tasks]
    words = {
        "lines": lines,
        "jobs": found[:_COUNT],
        "more": len(found) > _COUNT,
        "states": _STATES,
        "periodic": periodic,
    }
    words |= {
        "unseen": scan_all.unseen(database),
        "plan": scan_schedule.scheduled(database),
        "most": scan_all.MOST_COUNTED,
    }
    return Page("jobs.html", {**words, "live": any(each.next and each.next.state == "running" for each in lines)})


def _line(visit: Visit, name: str) -> Line:
    recent = history.jobs(visit.desk.database, name=name, count=20)
    following = next((each for each in recent if each.state == "running"), None)
    following = following or next((each for each in reversed(recent) if each.state == "waiting"), None)
    ended = next((each for each in recent if each.state in ("done", "failed", "cancelled")), None)
    return Line(name, _TOLD.get(name, ""), following, ended)


def _periodic(visit: Visit, numbers: list[int]) -> set[int]:
    """Those that wait for the next turn of a task that runs again and again: without them it would never run again."""
    mine = (JOB.c.id.in_(numbers), JOB.c.state == "waiting", JOB.c.key.startswith(history.periodic("")))
    with visit.desk.database.read() as connection:
        return {int(each) for each in connection.execute(select(JOB.c.id).where(*mine)).scalars()}


def _run(visit: Visit) -> Answer:
    visit.demand("", "job", "create")
    name = visit.text("name", 100)
    if name not in visit.desk.tasks:
        raise TaskUnknownError(f"there is no task {name!r}")
    arguments = {"deep": True} if visit.checked("deep") else {}
    number = visit.desk.jobs.defer(name, arguments, key=f"asked {name}")
    if number is None:
        raise FieldInvalidError(f"{name} is waiting or running already", hint="Wait for it, or cancel it first.")
    return Moved(visit.call.scope["path"], f"Job {number} ({name}) is on its way.")


def _cancel(visit: Visit) -> Answer:
    visit.demand("", "job", "delete")
    number = visit.whole("number")
    if _periodic(visit, [number]):
        raise FieldInvalidError(f"job {number} is the next turn of a task that runs again and again")
    if not visit.desk.jobs.cancel(number):
        raise FieldInvalidError(f"job {number} has ended already")
    return Moved("/jobs", f"Job {number} is cancelled.")


def _scan(visit: Visit) -> Answer:
    """Have everything looked at now."""
    visit.demand("", "scan", "create")
    number = scan_all.ask(visit.desk.database, visit.desk.jobs, rematch=visit.checked("rematch"))
    if number is None:
        raise FieldInvalidError("everything is being looked at already", hint="Wait for it, or cancel it first.")
    return Moved("/jobs", f"Job {number} looks at everything that is stored.")


def _schedule(visit: Visit) -> Answer:
    visit.demand("", "scan", "update")
    text = visit.text("schedule", 100)
    wanted = ScanSchedule(text, visit.checked("rematch")) if text else None
    scan_schedule.schedule(visit.desk.database, wanted)
    return Moved("/jobs", "Saved." if wanted else "Everything is looked at only when somebody asks for it.")


RUN = _run
VIEW = View(_show, {"run": _run, "cancel": _cancel, "scan": _scan, "schedule": _schedule})
