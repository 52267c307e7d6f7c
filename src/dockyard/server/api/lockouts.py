"""`/lockouts`: who has to wait after too many wrong passwords. For system admins."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.access import lockouts
from dockyard.server.access.lockouts import Kind, Lockout
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, route


class LockoutLift(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An account or an address that may try again; of an IPv6 network any address."""

    kind: Kind
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


@route("GET", "/lockouts", "users", paged=True)
def lockouts_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[Lockout]]:
    """The accounts and addresses that have to wait before another try to log in."""
    found = lockouts.listing(visit.database, visit.by, last=last, count=count + 1)
    edge = found[count - 1] if len(found) > count else None
    return page(visit, request, found, count, f"{edge.kind}:{edge.subject}" if edge else "")


@route("POST", "/lockouts/lift", "users", status=204)
def lockout_lift(visit: Guest, data: JSONBody[LockoutLift]) -> None:
    """Let an account or an address try again at once."""
    lockouts.lift(visit.database, visit.by, data.kind, data.subject)
