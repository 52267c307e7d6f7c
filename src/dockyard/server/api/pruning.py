"""`/events/pruning`: removing old events, by schedule or at once. For system admins."""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.replication import Schedule
from dockyard.server.api.retention import Deferred
from dockyard.server.api.route import Guest, route
from dockyard.server.audit import pruning
from dockyard.server.audit.pruning import Pruning

Hours = Annotated[int, msgspec.Meta(ge=1, le=24 * 366 * 100, description="How old events become.")]
Kinds = Annotated[
    list[str],
    msgspec.Meta(max_length=50, description="Kinds of events that stay, such as push, quota.* or *.refused."),
]


class PruningPlan(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When old events are removed by themselves; with an empty schedule never."""

    schedule: Schedule
    hours: Hours = 2160
    keep: Kinds = []


class PruningShown(msgspec.Struct, frozen=True):
    """When old events are removed by themselves; `next_at` in milliseconds since 1970, null for never."""

    schedule: str
    hours: int | None
    keep: list[str]
    next_at: int | None


class PruningAsked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which events are to go."""

    hours: Hours
    keep: Kinds = []


class PruningPlanned(msgspec.Struct, frozen=True):
    """How many events would go, all together and of each kind."""

    removed: int
    kinds: dict[str, int]


@route("GET", "/events/pruning", "events")
def events_pruning_read(visit: Guest) -> PruningShown:
    """When old events are removed by themselves."""
    visit.demand("", "log", "list")
    return _shown(pruning.pruning(visit.database))


@route("PUT", "/events/pruning", "events")
def events_pruning_set(visit: Guest, data: JSONBody[PruningPlan]) -> PruningShown:
    """Say when old events are removed by themselves. Each removal leaves a checkpoint and is an event itself."""
    visit.demand("", "log", "update")
    wanted = Pruning(data.schedule, data.hours, tuple(data.keep)) if data.schedule else None
    return _shown(pruning.schedule(visit.database, wanted))


@route("POST", "/events/pruning/dry-run", "events", status=200)
def events_pruning_rehearse(visit: Guest, data: JSONBody[PruningAsked]) -> PruningPlanned:
    """What would be removed, changing nothing."""
    visit.demand("", "log", "delete")
    found = pruning.planned(visit.database, pruning.before(data.hours), data.keep)
    return PruningPlanned(sum(found.values()), found)


@route("POST", "/events/pruning/run", "events", status=202)
def events_pruning_run(visit: Guest, data: JSONBody[PruningAsked]) -> Deferred:
    """Have old events removed now."""
    visit.demand("", "log", "delete")
    return Deferred(pruning.ask(visit.parts.jobs, data.hours, data.keep))


def _shown(found: Pruning | None) -> PruningShown:
    if found is None:
        return PruningShown("", None, [], None)
    return PruningShown(found.schedule, found.hours, list(found.keep), found.next_at)
