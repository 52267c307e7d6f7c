"""The verbs `scan --all` and `schedule` of `dockyard registry advisory`: everything that is stored is looked at."""

from typing import TYPE_CHECKING, Any

from dockyard.cli import report
from dockyard.cli.registry.source import Place
from dockyard.cli.registry.words import moment
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.trust.scan_schedule import ScanSchedule


def scan_all(at: Place, *, rematch: bool, json: bool) -> None:
    """Have everything looked at by the process that serves."""
    verbs = at.verbs("trust.scan_all", "scanning")
    with at.instance() as instance:
        job = (
            verbs.run(instance, rematch=rematch)
            if at.server
            else verbs.ask(instance.database, instance.jobs, rematch=rematch)
        )
    said = f"job {job} looks at everything" if job is not None else "everything waits to be looked at already"
    report.told({"job": job}, said, json=json)


def schedule(every: str, at: Place, *, rematch: bool, never: bool, json: bool) -> None:
    """Say when everything is looked at by itself, or show it."""
    from dockyard.server.trust.scan_schedule import ScanSchedule

    if never and (every or rematch):
        raise UsageError("never, and when", hint="Give --never alone, or --every 24h.")
    verbs = at.verbs("trust.scan_schedule", "scanning")
    with at.instance() as instance:
        if never or every:
            found = verbs.schedule(instance.database, None if never else ScanSchedule(every, rematch))
        else:
            found = verbs.scheduled(instance.database)
    document: dict[str, Any] = {"scanning": None if found is None else found.to_json()}
    report.told(document, _told(found), json=json)


def _told(found: "ScanSchedule | None") -> str:
    if found is None:
        return "everything is looked at only when somebody asks for it"
    more = ", what was looked at already is matched anew" if found.rematch else ""
    return f"everything is looked at by {found.schedule}{more}; next {moment(found.next_at)}"
