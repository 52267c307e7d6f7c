"""Endpoints: other registries by name, for rules of replication, and whether they answer."""

from dockyard.server.replication import endpoints
from dockyard.server.replication.endpoints import Endpoint, EndpointUnknownError
from dockyard.server.replication.pinging import ping
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.trouble import PageUnknownError
from dockyard.server.web.visit import Visit


def _show(visit: Visit) -> Answer:
    visit.demand("", "replication", "list")
    return Page("endpoints.html", {"endpoints": endpoints.listing(visit.desk.database), "endpoint": None})


def elsewhere(visit: Visit) -> dict[str, object]:
    """What a form says of another registry and how to log in there; its password is asked for apart."""
    return {
        "registry": visit.text("registry", 255),
        "username": visit.text("username"),
        "insecure": visit.checked("insecure"),
        "ca": visit.text("ca"),
    }


def _values(visit: Visit) -> dict[str, object]:
    return {**elsewhere(visit), "description": visit.text("description")}


def _add(visit: Visit) -> Answer:
    visit.demand("", "replication", "create")
    made = Endpoint(0, visit.text("name"), **_values(visit))  # type: ignore[arg-type]
    endpoints.add(visit.desk.database, visit.desk.seal, made, visit.secret_text("password"))
    return Moved(f"/endpoints/{made.name}", f"Endpoint {made.name} is added. {_asked(visit, made.name)}")


def _found(visit: Visit, action: str) -> Endpoint:
    visit.demand("", "replication", action)
    try:
        return endpoints.named(visit.desk.database, visit.places[0])
    except EndpointUnknownError as error:
        raise PageUnknownError(error.message) from error


def _one(visit: Visit) -> Answer:
    return Page("endpoint.html", {"endpoint": _found(visit, "read")})


def _change(visit: Visit) -> Answer:
    found = _found(visit, "update")
    secret = visit.secret_text("password") or None
    endpoints.change(visit.desk.database, visit.desk.seal, found.name, secret, **_values(visit))
    return Moved(f"/endpoints/{found.name}", f"The endpoint is changed. {_asked(visit, found.name)}")


def _ping(visit: Visit) -> Answer:
    found = _found(visit, "create")
    return Moved(f"/endpoints/{found.name}", _asked(visit, found.name))


def _asked(visit: Visit, name: str) -> str:
    """Ask the registry, and say how it answered."""
    said = ping(visit.desk.database, visit.desk.seal, name)
    if said.trouble:
        return "It does not answer as it should: see below."
    catalog = "" if said.catalog else " It does not show which repositories it has: rules that pull must name them."
    return f"It answers, after {said.milliseconds} ms.{catalog}"


def _remove(visit: Visit) -> Answer:
    found = _found(visit, "delete")
    endpoints.remove(visit.desk.database, found.name)
    return Moved("/endpoints", f"Endpoint {found.name} is removed.")


VIEW = View(_show, {"add": _add})
ONE = View(_one, {"change": _change, "ping": _ping, "remove": _remove})
