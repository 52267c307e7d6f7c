"""The list of projects, and making one."""

from dataclasses import dataclass

from sqlalchemy import func, select

from dockyard.server.access import projects as access
from dockyard.server.database import Database
from dockyard.server.schema.projects import PROJECT, REPOSITORY, USAGE
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import Visit

_COUNT = 50
_SCAN = 500


@dataclass(frozen=True)
class Row:
    """A project on the list."""

    name: str
    public: bool
    quota: int | None
    used: int
    repositories: int
    pushed_at: int | None
    role: str


def _show(visit: Visit) -> Answer:
    wanted, last = visit.query("q"), visit.query("after")
    found: list[access.Project] = []
    while True:
        page = access.listing(visit.desk.database, visit.who, last=last, count=_SCAN)
        found += [each for each in page if wanted.lower() in each.name]
        if len(page) < _SCAN or len(found) > _COUNT:
            break
        last = page[-1].name
    more = len(found) > _COUNT
    rows = _rows(visit, found[:_COUNT])
    makes = visit.can("", "project", "create") or (
        visit.desk.settings.access.makers == "everyone" and bool(visit.who.account)
    )
    return Page("projects.html", {"rows": rows, "more": more, "q": wanted, "makes": makes})


def _make(visit: Visit) -> Answer:
    name, public = visit.text("name", 200), visit.text("visibility") == "public"
    settings = visit.desk.settings
    makers, most = settings.access.makers, settings.project_quota or None
    access.add(visit.desk.database, visit.who, name, public=public, makers=makers, otherwise=most)
    return Moved(f"/projects/{name}", f"Project {name} is made.")


def _rows(visit: Visit, found: list[access.Project]) -> list[Row]:
    numbers = _numbers(visit.desk.database, [each.name for each in found])
    rows = []
    for each in found:
        used, repositories, pushed = numbers.get(each.name, (0, 0, None))
        role = (
            "system admin" if visit.who.admin else ", ".join(m.role for m in visit.who.memberships.get(each.name, ()))
        )
        rows.append(Row(each.name, each.public, each.quota, used, repositories, pushed, role))
    return rows


def _numbers(database: Database, names: list[str]) -> dict[str, tuple[int, int, int | None]]:
    repositories = (
        select(PROJECT.c.name, func.count(REPOSITORY.c.id), func.max(REPOSITORY.c.pushed_at))
        .join_from(PROJECT, REPOSITORY, REPOSITORY.c.project_id == PROJECT.c.id, isouter=True)
        .where(PROJECT.c.name.in_(names))
        .group_by(PROJECT.c.name)
    )
    usage = (
        select(PROJECT.c.name, func.sum(USAGE.c.bytes))
        .join_from(PROJECT, USAGE, USAGE.c.project_id == PROJECT.c.id)
        .where(PROJECT.c.name.in_(names))
        .group_by(PROJECT.c.name)
    )
    with database.read() as connection:
        used = {str(row[0]): int(row[1]) for row in connection.execute(usage).all()}
        rows = connection.execute(repositories).all()
    return {str(row[0]): (used.get(row[0], 0), int(row[1]), row[2]) for row in rows}


VIEW = View(_show, {"make": _make})
