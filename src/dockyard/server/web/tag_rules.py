"""A project's rules for tags."""

from dockyard.server.rules import tag_rules as rules
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import Visit


def _show(visit: Visit) -> Answer:
    top = head(visit)
    visit.demand(top.name, "immutable", "list")
    return Page("tag-rules.html", {"project": top, "rules": rules.listed(visit.desk.database, top.name)})


def _add(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "immutable", "create")
    repositories = visit.text("repositories", 512) or "**"
    made = rules.add(visit.desk.database, project, visit.text("kind"), visit.text("tags", 512), repositories)
    return Moved(f"/projects/{project}/tag-rules", f"Rule {made.number} holds from now on.")


def _remove(visit: Visit) -> Answer:
    project = visit.places[0]
    visit.demand(project, "immutable", "delete")
    number = visit.whole("number")
    rules.remove(visit.desk.database, project, number)
    return Moved(f"/projects/{project}/tag-rules", f"Rule {number} is removed.")


VIEW = View(_show, {"add": _add, "remove": _remove})
