"""Copying an image to another project from its page."""

from collections.abc import Sequence

from dockyard.server.access import projects
from dockyard.server.names import project_of
from dockyard.server.replication.within import copy as copied
from dockyard.server.web.answer import Answer, Moved
from dockyard.server.web.visit import FieldInvalidError, Visit

_MOST = 200


def targets(visit: Visit, name: str) -> Sequence[str]:
    """What a repository would be called in each of the projects to which the caller may push; its own left out."""
    own, rest = project_of(name), name.partition("/")[2]
    found = projects.listing(visit.desk.database, visit.who, count=_MOST) if not visit.anonymous else []
    names = [f"{each.name}/{rest}" for each in found if each.name != own] if rest else []
    return [each for each in names if visit.may(each, "push")]


def copy(visit: Visit) -> Answer:
    """Copy it, with all its platforms and what refers to it.

    Raises:
        FieldInvalidError: no target is given.
        AccessDeniedError: the caller may not pull it, or not push there.
        WireError, CopyInvalidError, CopyTakenError: as `within.copy`.
    """
    name, reference = visit.places[0], visit.places[1]
    target, tag = visit.text("to", 255), visit.text("as", 140)
    visit.demand_repository(name)
    if not target:
        raise FieldInvalidError("to: no repository", hint="Write it like shop/web.")
    visit.demand_repository(target, "push")
    desk = visit.desk
    done = copied(desk.registry, desk.gate, name, reference, target, tag, override=visit.checked("override"))
    at = f":{done.tag}" if done.tag else f"@{done.digest}"
    return Moved(f"/image/{done.repository}{at}", f"This is the copy of {name}.")
