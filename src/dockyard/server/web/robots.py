"""Robots of a project, or of the whole system."""

from collections.abc import Collection

from dockyard.errors import UsageError
from dockyard.server.access import robots as access
from dockyard.server.access.naming import MOST_RIGHTS, globs
from dockyard.server.access.principal import ACTIONS, Permission
from dockyard.server.access.robots import Robot
from dockyard.server.clock import now
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit
from dockyard.server.web.words import moment

_COUNT = 100
# One more than a robot may have, so that what is too many is said and not left out.
_MOST_BLOCKS = MOST_RIGHTS + 1


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


def _one(visit: Visit) -> Answer:
    robot = access.get(visit.desk.database, visit.who, visit.places[0])
    words = {"robot": robot, "actions": ACTIONS, "now": now(), "day": _day(robot.expires_at)}
    return Page("robot.html", {**words, "blocks": _blocks(visit, robot), "within": robot.project})


def _blocks(visit: Visit, robot: Robot) -> list[tuple[str, Collection[str]]]:
    """What the form shows: the globs and actions of each permission, as they are or were typed, and an empty one."""
    if visit.problem is not None and "repositories-0" in visit.form:
        return [(visit.text(f"repositories-{at}", 20_000), _ticked(visit, at)) for at in _typed(visit)]
    found: list[tuple[str, Collection[str]]] = [
        (" ".join(each.repositories), each.actions) for each in robot.permissions
    ]
    return [*found, ("", ())]


def _typed(visit: Visit) -> range:
    missing = (at for at in range(_MOST_BLOCKS) if f"repositories-{at}" not in visit.form)
    return range(next(missing, _MOST_BLOCKS))


def _ticked(visit: Visit, at: int) -> frozenset[str]:
    return frozenset(each for each in visit.form.get(f"actions-{at}", []) if each)


def _day(at: int | None) -> str:
    return moment(at)[:10]


def _change(visit: Visit) -> Answer:
    """Give it other rights. A permission without actions goes."""
    robot = access.get(visit.desk.database, visit.who, visit.places[0])
    permissions = []
    for at in _typed(visit):
        patterns, actions = visit.several(f"repositories-{at}"), _ticked(visit, at)
        if not actions:
            continue
        try:
            permissions.append(Permission(tuple(globs(patterns)), actions))
        except UsageError as error:
            raise FieldInvalidError(f"repositories-{at}: {error.message}", hint=error.hint) from error
    if not permissions:
        raise FieldInvalidError(
            "a robot needs at least one action", hint="Disable it, or remove it, to end its rights."
        )
    # The hour at which it expires stays where the day does.
    same = visit.text("expires", 20) == _day(robot.expires_at)
    access.change(
        visit.desk.database,
        visit.who,
        robot.name,
        permissions=permissions,
        expires_at=None if same else visit.day("expires") or 0,
        description=visit.text("description"),
    )
    return Moved(f"/robots/{robot.name}", "The robot is changed. That holds for the tokens that it has, too.")


ONE = View(_one, {"change": _change})
VIEW = View(_show, {"add": _add, "renew": _renew, "switch": _switch, "remove": _remove})
