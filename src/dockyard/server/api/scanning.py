"""`/scanning`: looking at everything that is stored, at once or by schedule. For system admins."""

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.replication import Schedule
from dockyard.server.api.retention import Deferred
from dockyard.server.api.route import Guest, route
from dockyard.server.trust import scan_all, scan_schedule
from dockyard.server.trust.scan_schedule import ScanSchedule


class ScanAsked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether images that were looked at already are matched anew, too, with the feed of now."""

    rematch: bool = False


class ScanPlan(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When everything is looked at by itself; with an empty schedule never."""

    schedule: Schedule
    rematch: bool = False


class ScanningShown(msgspec.Struct, frozen=True):
    """How many images nobody has looked at (1000 for as many or more), and when that is done by itself.

    `next_at` is in milliseconds since 1970, null for never.
    """

    unseen: int
    schedule: str
    rematch: bool
    next_at: int | None


@route("GET", "/scanning", "images")
def scanning_read(visit: Guest) -> ScanningShown:
    """What was not looked at yet, and when everything is."""
    visit.demand("", "scan", "read")
    return _shown(visit, scan_schedule.scheduled(visit.database))


@route("PUT", "/scanning", "images")
def scanning_set(visit: Guest, data: JSONBody[ScanPlan]) -> ScanningShown:
    """Say when everything is looked at by itself."""
    visit.demand("", "scan", "update")
    wanted = ScanSchedule(data.schedule, data.rematch) if data.schedule else None
    return _shown(visit, scan_schedule.schedule(visit.database, wanted))


@route("POST", "/scanning/run", "images", status=202)
def scanning_run(visit: Guest, data: JSONBody[ScanAsked]) -> Deferred:
    """Have everything looked at now: images that nobody has looked at, and with `rematch` all others, too."""
    visit.demand("", "scan", "create")
    return Deferred(scan_all.ask(visit.database, visit.parts.jobs, rematch=data.rematch))


def _shown(visit: Guest, found: ScanSchedule | None) -> ScanningShown:
    unseen = scan_all.unseen(visit.database)
    if found is None:
        return ScanningShown(unseen, "", False, None)
    return ScanningShown(unseen, found.schedule, found.rematch, found.next_at)
