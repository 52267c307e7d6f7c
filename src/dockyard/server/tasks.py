"""The tasks that a registry server has done beside serving, by name."""

from collections.abc import Callable
from typing import Any

from dockyard.server.clock import now
from dockyard.server.jobs.interface import Task, Work
from dockyard.server.rules import retention, retention_rules
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.stored import deleting, leftovers, verify
from dockyard.server.stored.holdings import Holdings
from dockyard.server.trust import scan_all, scan_schedule
from dockyard.server.trust.watching import Watch

_STALE_UPLOAD_S = 24 * 3600
_TOGETHER = 500


def tasks(holdings: Holdings, changed: Callable[[str], None], watch: Watch) -> dict[str, Task]:
    """Every task over `holdings`.

    Args:
        holdings: metadata and bytes.
        changed: is told of repositories whose tags or manifests a task has changed.
        watch: looks at what is pushed.
    """

    def collect(work: Work) -> dict[str, int]:
        count = total = 0
        while True:
            seen, some, freed = deleting.collect(holdings, most=_TOGETHER)
            count, total = count + some, total + freed
            work.progress(f"{count} blobs removed")
            if seen < _TOGETHER:
                return {"blobs": count, "bytes": total}

    def sweep(work: Work) -> dict[str, int]:
        uploads = holdings.blobs.sweep(_STALE_UPLOAD_S)
        found = leftovers.sweep(holdings, progress=work.progress)
        return {"uploads": uploads, **found._asdict()}

    def retain(work: Work) -> dict[str, Any]:
        named = work.arguments.get("project")
        found: dict[str, Any] = {}
        for project in [str(named)] if named else retention_rules.due(holdings.database):
            try:
                done = retention.run(holdings, project, changed=changed, progress=work.progress)
            except ProjectUnknownError:
                continue  # removed in the meantime
            found[project] = done._asdict()
        return found

    def check(work: Work) -> dict[str, Any]:
        return verify.verify(holdings, deep=bool(work.arguments.get("deep")), progress=work.progress).to_json()

    def scan(work: Work) -> dict[str, int]:
        if work.arguments.get("repository"):
            return {"images": watch.again(str(work.arguments["repository"]), str(work.arguments["digest"]))}
        return {"events": watch.pushes()}

    def scan_everything(work: Work) -> dict[str, int]:
        plan = scan_schedule.scheduled(holdings.database)
        turn = plan if plan is not None and plan.next_at <= now() and not work.arguments else None
        rematch = bool(work.arguments.get("rematch")) or (turn is not None and turn.rematch)
        done = scan_all.run(watch, rematch=rematch, progress=work.progress)
        if turn is not None:
            scan_schedule.turned(holdings.database, turn)
        return done._asdict() if done.failed else {"images": done.images}

    def match(work: Work) -> dict[str, int]:
        count, failed = watch.advisories()
        return {"images": count, "failed": failed} if failed else {"images": count}

    return {
        "scan": Task(scan, every=10, attempts=3),
        "match": Task(match, every=60, attempts=3),
        scan_all.TASK: Task(scan_everything, attempts=3),
        "collect": Task(collect, every=300, attempts=3),
        "sweep": Task(sweep, every=3600, first=60, attempts=3),
        "retention": Task(retain, every=300, attempts=3),
        "verify": Task(check),
    }
