"""Labels: of a project and of all projects, and putting them on an image and taking them off."""

from dockyard.server.rules import labelled
from dockyard.server.rules import labels as kept
from dockyard.server.rules.labels import PLAIN, Label
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit


def _show(visit: Visit) -> Answer:
    top = head(visit) if visit.places else None
    within = top.name if top else ""
    visit.demand(within, "label", "list")
    words = {"project": top, "within": within, "labels": kept.listing(visit.desk.database, within), "plain": PLAIN}
    words["everywhere"] = kept.listing(visit.desk.database) if top else []
    return Page("labels.html", words)


def _add(visit: Visit) -> Answer:
    visit.demand(_project(visit), "label", "create")
    made = kept.add(visit.desk.database, _project(visit), visit.text("name", 200), **_about(visit))
    return Moved(_path(visit), f"Label {made.name} is there.")


def _change(visit: Visit) -> Answer:
    label = _mine(visit, "update")
    made = kept.change(visit.desk.database, label.number, name=visit.text("name", 200), **_about(visit))
    return Moved(_path(visit), f"Label {made.name} is changed.")


def _remove(visit: Visit) -> Answer:
    label = _mine(visit, "delete")
    kept.remove(visit.desk.database, label.number)
    return Moved(_path(visit), f"Label {label.name} is removed, from every image that had it, too.")


def _about(visit: Visit) -> dict[str, str]:
    return {"description": visit.text("description", 2000), "color": visit.text("color", 20) or PLAIN}


def _project(visit: Visit) -> str:
    return visit.places[0] if visit.places else ""


def _mine(visit: Visit, action: str) -> Label:
    """The label of the form, if it is one of those that the page is about."""
    visit.demand(_project(visit), "label", action)
    found = kept.get(visit.desk.database, visit.whole("number"))
    if found.project != _project(visit):
        raise FieldInvalidError("that label is not one of these")
    return found


def _path(visit: Visit) -> str:
    return f"/projects/{visit.places[0]}/labels" if visit.places else "/labels"


def put(visit: Visit, name: str, digest: str, path: str) -> Answer:
    """Put the form's label on an image, and go back to `path`."""
    visit.demand_repository(name, "push")
    labelled.put(visit.desk.database, name, digest, visit.whole("label"))
    return Moved(path, "The label is on it.")


def take(visit: Visit, name: str, digest: str, path: str) -> Answer:
    """Take the form's label off an image, and go back to `path`."""
    visit.demand_repository(name, "push")
    labelled.take(visit.desk.database, name, digest, visit.whole("label"))
    return Moved(path, "The label is off.")


VIEW = View(_show, {"add": _add, "change": _change, "remove": _remove})
