"""Robots of a project, or of the whole system."""

from dockyard.server.access import robots as access
from dockyard.server.access.principal import ACTIONS, Permission
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import Visit

_COUNT = 100


def _show(visit: Visit, made: str = "", secret: str = "") -> Answer:
    project = visit.places[0] if visit.places else ""
    top = head(visit) if project else None
    found = access.listing(visit.desk.database, visit.who, project, last=visit.query("after"), count=_COUNT + 1)
    words = {"project": top, "robots": found[:_COUNT], "more": len(found) > _COUNT, "actions": ACTIONS}
    return Page("robots.html", {**words, "within": project, "made": made, "secret": secret})


def _add(visit: Visit) -> Answer:
    project = visit.places[0] if visit.places else ""
    actions = frozenset(each for each in visit.form.get("actions", []) if each)
    permission = Permission(tuple(visit.several("repositories")), actions)
    robot, secret = access.add(
        visit.desk.database,
        visit.who,
        project,
        visit.text("name", 200),
        [permission],
        description=visit.text("description"),
        expires_at=visit.day("expires"),
    )
    return _show(visit, robot.name, secret)


def _renew(visit: Visit) -> Answer:
    name = visit.text("name", 400)
    return _show(visit, name, access.renew(visit.desk.database, visit.who, name))


def _switch(visit: Visit) -> Answer:
    name, off = visit.text("name", 400), visit.text("to") == "off"
    access.change(visit.desk.database, visit.who, name, disabled=off)
    return Moved(_path(visit), f"{name} is {'disabled' if off else 'enabled'}.")


def _remove(visit: Visit) -> Answer:
    name = visit.text("name", 400)
    access.remove(visit.desk.database, visit.who, name)
    return Moved(_path(visit), f"{name} is removed.")


def _path(visit: Visit) -> str:
    return f"/projects/{visit.places[0]}/robots" if visit.places else "/robots"


VIEW = View(_show, {"add": _add, "renew": _renew, "switch": _switch, "remove": _remove})
