"""Keyless rules: which CI jobs get in with their platform's identity token, and what they may do."""

from dockyard.server.access import keyless as access
from dockyard.server.access.principal import ACTIONS, Permission
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit

_ISSUERS = ("https://token.actions.githubusercontent.com", "https://gitlab.com")


def _show(visit: Visit) -> Answer:
    project = visit.places[0] if visit.places else ""
    top = head(visit) if project else None
    found = access.listing(visit.desk.database, visit.who, project)
    words = {"project": top, "within": project, "rules": found, "actions": ACTIONS, "issuers": _ISSUERS}
    return Page("keyless.html", {**words, "audience": visit.call.base})


def _add(visit: Visit) -> Answer:
    project = visit.places[0] if visit.places else ""
    claims = {}
    for line in visit.text("claims", 5000).splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if line.strip() and not (name and sign and value):
            raise FieldInvalidError(f"claims: not a claim with its value: {line.strip()[:60]!r}")
        if name:
            claims[name] = value
    permission = Permission(tuple(visit.several("repositories")), frozenset(visit.form.get("actions", [])))
    made = access.add(
        visit.desk.database,
        visit.who,
        project,
        visit.text("name", 200),
        issuer=visit.text("issuer", 512).rstrip("/"),
        audience=visit.text("audience", 512),
        claims=claims,
        permissions=[permission],
        lifetime=visit.whole("minutes", 15) * 60,
    )
    return Moved(_path(visit), f"Jobs that fit {made.name} get in from now on.")


def _switch(visit: Visit) -> Answer:
    name, off = visit.text("name", 400), visit.text("to") == "off"
    access.change(visit.desk.database, visit.who, name, disabled=off)
    return Moved(_path(visit), f"{name} is {'disabled' if off else 'enabled'}.")


def _remove(visit: Visit) -> Answer:
    name = visit.text("name", 400)
    access.remove(visit.desk.database, visit.who, name)
    return Moved(_path(visit), f"{name} is removed; tokens made by it end.")


def _path(visit: Visit) -> str:
    return f"/projects/{visit.places[0]}/keyless" if visit.places else "/keyless"


VIEW = View(_show, {"add": _add, "switch": _switch, "remove": _remove})
