"""Groups of accounts, for system admins."""

from dockyard.server.access import groups as access
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import Visit

_COUNT = 50


def _show(visit: Visit) -> Answer:
    found = access.listing(visit.desk.database, visit.who, last=visit.query("after"), count=_COUNT + 1)
    return Page("groups.html", {"groups": found[:_COUNT], "more": len(found) > _COUNT})


def _add(visit: Visit) -> Answer:
    name = visit.text("name", 200)
    access.add(visit.desk.database, visit.who, name)
    return Moved("/groups", f"Group {name} is made.")


def _change(visit: Visit) -> Answer:
    name, account = visit.text("name", 255), visit.text("account", 200)
    leaves = visit.text("way") == "leave"
    joining, leaving = ([], [account]) if leaves else ([account], [])
    access.change(visit.desk.database, visit.who, name, join=joining, leave=leaving)
    return Moved("/groups", f"{account} {'left' if leaves else 'joined'} {name}.")


def _remove(visit: Visit) -> Answer:
    name = visit.text("name", 255)
    access.remove(visit.desk.database, visit.who, name)
    return Moved("/groups", f"Group {name} is removed.")


VIEW = View(_show, {"add": _add, "change": _change, "remove": _remove})
