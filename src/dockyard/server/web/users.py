"""Accounts of people, for system admins."""

from collections.abc import Mapping
from typing import Any

from dockyard.server.access import lockouts
from dockyard.server.access import users as access
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import FieldInvalidError, Visit

_COUNT = 50
_WAITING = 200
_CHANGES: Mapping[str, Any] = {
    "disable": {"disabled": True},
    "enable": {"disabled": False},
    "admin": {"admin": True},
    "plain": {"admin": False},
    "unlock": {"unlock": True},
}


def _show(visit: Visit) -> Answer:
    found = access.listing(visit.desk.database, visit.who, last=visit.query("after"), count=_COUNT + 1)
    waiting = lockouts.listing(visit.desk.database, visit.who, count=_WAITING + 1)
    words = {"waiting": waiting[:_WAITING], "more_waiting": len(waiting) > _WAITING}
    return Page("users.html", {"users": found[:_COUNT], "more": len(found) > _COUNT, **words})


def _add(visit: Visit) -> Answer:
    name = visit.text("name", 200)
    access.add(
        visit.desk.database,
        visit.who,
        name,
        password=visit.secret_text("password"),
        email=visit.text("email", 400),
        admin=visit.checked("admin"),
    )
    if visit.open:  # from now on callers need an account
        return Moved("/login", f"{name} is the first account: log in with it.")
    return Moved("/users", f"{name} has an account.")


def _change(visit: Visit) -> Answer:
    name, what = visit.text("name", 200), visit.text("what")
    values = _CHANGES.get(what)
    if values is None:
        raise FieldInvalidError("there is no such change")
    access.change(visit.desk.database, visit.who, name, **values)
    return Moved("/users", f"{name} is changed.")


def _password(visit: Visit) -> Answer:
    name = visit.text("name", 200)
    access.change(visit.desk.database, visit.who, name, password=visit.secret_text("password"))
    return Moved("/users", f"{name} has another password; its sessions are over.")


def _remove(visit: Visit) -> Answer:
    name = visit.text("name", 200)
    access.remove(visit.desk.database, visit.who, name)
    return Moved("/users", f"{name} is removed.")


def _lift(visit: Visit) -> Answer:
    subject = visit.text("subject", 300)
    kind: lockouts.Kind = "account" if visit.text("kind") == "account" else "address"
    lockouts.lift(visit.desk.database, visit.who, kind, subject)
    return Moved("/users", f"{subject} may try again.")


VIEW = View(_show, {"add": _add, "change": _change, "password": _password, "remove": _remove, "lift": _lift})
