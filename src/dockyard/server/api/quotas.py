"""`/quotas` and `/projects/…/quota`: how many bytes projects hold and may hold."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.api.paging import page
from dockyard.server.api.projects import Bytes
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.rules import quota
from dockyard.server.rules.quota import Quota


class QuotaShown(msgspec.Struct, frozen=True):
    """What a project uses and may use, in bytes, every blob counted once; null is no bound."""

    project: str
    used: int
    most: int | None


class QuotaChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The new bound; null for none."""

    most: Bytes | None


@route("GET", "/quotas", "quotas", paged=True)
def quotas_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[QuotaShown]]:
    """Every project's use and quota, by name. For system admins."""
    visit.demand("", "quota", "list")
    found = [_shown(each) for each in quota.quotas(visit.database, last=last, count=count + 1)]
    return page(visit, request, found, count, found[count - 1].project if len(found) > count else "")


@route("GET", "/projects/{project:str}/quota", "quotas")
def quota_read(visit: Guest, project: Part) -> QuotaShown:
    """A project's use and quota. For limited guests."""
    visit.demand(project, "quota", "read")
    return _shown(quota.quota_of(visit.database, project))


@route("PUT", "/projects/{project:str}/quota", "quotas")
def quota_set(visit: Guest, project: Part, data: JSONBody[QuotaChange]) -> QuotaShown:
    """Bound what a project may hold. What it holds already stays. For system admins."""
    visit.demand("", "quota", "update")
    return _shown(quota.set_quota(visit.database, project, data.most))


def _shown(found: Quota) -> QuotaShown:
    return QuotaShown(found.project, found.used, found.most)
