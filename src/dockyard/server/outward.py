"""Work that events and schedules trigger: webhook deliveries, the audit log's chain, replication, scanning all.

Each is a task for the runner of jobs, and a cheap question whether there is something to do for it; every second the
questions are asked, and the tasks that have something to do are deferred.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dockyard.registry.interface import Registry
from dockyard.server.audit import chain, pruning
from dockyard.server.database import Database
from dockyard.server.following import begin_at_the_end, behind
from dockyard.server.jobs.interface import Jobs, Task, Work
from dockyard.server.replication import replicate
from dockyard.server.sealing import Seal
from dockyard.server.trust import scan_all, scan_schedule
from dockyard.server.webhooks import deliver, outbox
from dockyard.server.webhooks.settings import Webhooks


@dataclass(frozen=True)
class Outward:
    """The tasks by name, and for each whether it has something to do."""

    tasks: Mapping[str, Task]
    due: Mapping[str, Callable[[], bool]]

    def look(self, jobs: Jobs) -> None:
        """Defer the tasks that have something to do."""
        for name, asked in self.due.items():
            if asked():
                jobs.defer(name, key=f"due {name}")


def outward(database: Database, registry: Registry, seal: Seal, webhooks: Webhooks, base: str) -> Outward:
    """All of it.

    Args:
        database: has events, rules and what is still to do.
        registry: what is replicated, to or from.
        seal: opens passwords and webhooks' secrets.
        webhooks: the settings.
        base: the URL of this registry as clients see it.
    """

    def tell(work: Work) -> dict[str, int]:
        return deliver.deliver(database, seal, webhooks, base, progress=work.progress)

    def copy(work: Work) -> dict[str, int]:
        return replicate.replicate(database, registry, seal, progress=work.progress)

    def extend(work: Work) -> dict[str, Any]:
        return {"events": chain.extend(database)}

    def prune(work: Work) -> dict[str, Any]:
        if not work.arguments.get("hours"):
            return {"removed": pruning.prune_due(database)}
        keep = [str(each) for each in work.arguments.get("keep", ())]
        return {"removed": pruning.prune(database, pruning.before(int(work.arguments["hours"])), keep)}

    for name in (outbox.FOLLOWER, replicate.FOLLOWER):
        # What happened before there were webhooks and rules is nobody's news.
        begin_at_the_end(database, name)
    # Deliveries, runs and the audit log's links have logs of their own.
    functions = {"webhooks": tell, "audit": extend, "replication": copy}
    return Outward(
        {
            **{name: Task(each, attempts=3, quiet=True) for name, each in functions.items()},
            "prune": Task(prune, attempts=3),
        },
        {
            "webhooks": lambda: deliver.due(database) or behind(database, outbox.FOLLOWER),
            "audit": lambda: behind(database, chain.NAME),
            "replication": lambda: replicate.due(database),
            "prune": lambda: pruning.due(database),
            scan_all.TASK: lambda: scan_schedule.due(database),
        },
    )
