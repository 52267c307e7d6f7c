"""A project: its repositories, and its settings."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, func, or_, select

from dockyard.server.access import projects as access
from dockyard.server.rules import quota
from dockyard.server.rules.project import project_number
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.web import quotas
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import FieldInvalidError, Visit

_COUNT = 50
_SCAN = 500


@dataclass(frozen=True)
class Row:
    """A repository on the list. `size` is the sum over its manifests; what they share is counted once per manifest."""

    name: str
    pulls: int
    pushed_at: int | None
    pulled_at: int | None
    tags: int
    size: int


@dataclass(frozen=True)
class Head:
    """What stands over every page of a project."""

    name: str
    public: bool
    created_at: int
    used: int
    quota: int | None

    @property
    def part(self) -> int:
        """How much of the quota is used, in percent; 100 at most."""
        return min(100, self.used * 100 // self.quota) if self.quota else 0

    @property
    def full(self) -> bool:
        """Whether little of the quota is left."""
        return bool(self.quota) and self.used >= quota.WARN_AT * (self.quota or 1)


def head(visit: Visit) -> Head:
    """The project that the address names.

    Raises:
        AccessDeniedError, UnknownNameError: the caller may not know of it, or it is not there.
    """
    found = access.get(visit.desk.database, visit.who, visit.places[0])
    with visit.desk.database.read() as connection:
        used = quota.used(connection, project_number(connection, found.name))
    return Head(found.name, found.public, found.created_at, used, found.quota)


def _show(visit: Visit) -> Answer:
    top = head(visit)
    order = "newest" if visit.query("order", 10) == "newest" else "name"
    rows, more = _repositories(visit, top.name, visit.query("q").lower(), order)
    words = {"project": top, "rows": rows, "more": more, "q": visit.query("q"), "order": order}
    return Page("project.html", words)


def _repositories(visit: Visit, project: str, wanted: str, order: str) -> tuple[list[Row], bool]:
    """Those that the caller may pull from: what it cannot pull it does not see."""
    name, pushed = REPOSITORY.c.name, func.coalesce(REPOSITORY.c.pushed_at, 0)
    last, at = visit.query("after"), visit.query("at", 17)
    moment = int(at) if at.isascii() and at.isdigit() else 1 << 62
    with visit.desk.database.read() as connection:
        number = project_number(connection, project)
        query = select(REPOSITORY.c.id, name, REPOSITORY.c.pulls, REPOSITORY.c.pushed_at, REPOSITORY.c.pulled_at).where(
            REPOSITORY.c.project_id == number
        )
        if wanted:
            query = query.where(name.contains(wanted, autoescape=True))
        query = query.order_by(name) if order == "name" else query.order_by(pushed.desc(), name)
        rows = []
        while True:
            beyond = name > last
            if order == "newest":
                beyond = or_(pushed < moment, and_(pushed == moment, beyond))
            page = connection.execute(query.where(beyond).limit(_SCAN)).all()
            rows += [row for row in page if visit.may(row.name)]
            if len(page) < _SCAN or len(rows) > _COUNT:
                break
            last, moment = page[-1].name, int(page[-1].pushed_at or 0)
        more, rows = len(rows) > _COUNT, rows[:_COUNT]
        numbers = [row.id for row in rows]
        tags = _by_repository(connection, select(TAG.c.repository_id, func.count()), TAG, numbers)
        size = func.sum(MANIFEST.c.size)
        sizes = _by_repository(connection, select(MANIFEST.c.repository_id, size), MANIFEST, numbers)
    found = [
        Row(row.name, row.pulls, row.pushed_at, row.pulled_at, tags.get(row.id, 0), sizes.get(row.id, 0))
        for row in rows
    ]
    return found, more


def _by_repository(connection: Connection, query: Select[Any], table: Table, numbers: list[int]) -> dict[int, int]:
    mine = table.c.repository_id
    rows = connection.execute(query.where(mine.in_(numbers)).group_by(mine)).all()
    return {int(row[0]): int(row[1]) for row in rows}


def _settings(visit: Visit) -> Answer:
    top = head(visit)
    if not (visit.can(top.name, "project", "update") or visit.can("", "quota", "update")):
        visit.demand(top.name, "project", "update")
    return Page("project-settings.html", {"project": top})


def _visibility(visit: Visit) -> Answer:
    name, public = visit.places[0], visit.text("visibility") == "public"
    access.change(visit.desk.database, visit.who, name, public=public)
    return Moved(f"/projects/{name}/settings", f"{name} is now {'public' if public else 'private'}.")


def _quota(visit: Visit) -> Answer:
    name = visit.places[0]
    return Moved(f"/projects/{name}/settings", quotas.change(visit, name))


def _remove(visit: Visit) -> Answer:
    name = visit.places[0]
    if visit.text("sure") != name:
        raise FieldInvalidError("the name that was typed is not the project's")
    access.remove(visit.desk.database, visit.who, name)
    return Moved("/projects", f"Project {name} is removed.")


VIEW = View(_show)
SETTINGS = View(_settings, {"visibility": _visibility, "quota": _quota, "remove": _remove})
