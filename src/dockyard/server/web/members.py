"""Who has which role in a project."""

from dockyard.server.access import members as access
from dockyard.server.access.roles import ROLES
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import Visit


def _show(visit: Visit) -> Answer:
    top = head(visit)
    found = access.listing(visit.desk.database, visit.who, top.name)
    return Page("members.html", {"project": top, "members": found, "roles": ROLES})


def _put(visit: Visit) -> Answer:
    project, name = visit.places[0], visit.text("name", 200)
    kind: access.Of = "group" if visit.text("kind") == "group" else "user"
    patterns = visit.several("repositories")
    made = access.put(
        visit.desk.database, visit.who, project, name, visit.text("role"), kind=kind, repositories=patterns
    )
    return Moved(f"/projects/{project}/members", f"{name} is {made.role} now.")


def _remove(visit: Visit) -> Answer:
    project, name = visit.places[0], visit.text("name", 200)
    kind: access.Of = "group" if visit.text("kind") == "group" else "user"
    access.remove(visit.desk.database, visit.who, project, name, kind=kind)
    return Moved(f"/projects/{project}/members", f"{name} is no longer a member.")


VIEW = View(_show, {"put": _put, "remove": _remove})
