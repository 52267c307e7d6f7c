"""`/replication/endpoints`: other registries by name, for rules of replication. For system admins."""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.replication import Host, Text
from dockyard.server.api.route import Guest, Part, route
from dockyard.server.api.words import ShortName
from dockyard.server.replication import endpoints
from dockyard.server.replication.endpoints import Endpoint
from dockyard.server.replication.pinging import Ping, ping

_ENDPOINT = "/replication/endpoints/{endpoint:str}"
Description = Annotated[str, msgspec.Meta(max_length=1000)]


class EndpointNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An endpoint to be made: another registry, and the account to log in with there."""

    name: ShortName
    registry: Host
    description: Description = ""
    username: Text = ""
    password: Text = ""
    insecure: bool = False
    ca: Text = ""


class EndpointChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with an endpoint; null changes nothing."""

    registry: Host | None = None
    description: Description | None = None
    username: Text | None = None
    password: Text | None = None
    insecure: bool | None = None
    ca: Text | None = None


class EndpointShown(msgspec.Struct, frozen=True):
    """An endpoint without its password. `checked_at` is when it was last asked whether it answers, in milliseconds
    since 1970, `trouble` what was wrong then, `rules` the names of the rules that use it.
    """

    name: str
    registry: str
    description: str
    username: str
    insecure: bool
    ca: str
    checked_at: int | None
    trouble: str
    rules: list[str]


@route("GET", "/replication/endpoints", "replication")
def replication_endpoints_list(visit: Guest) -> list[EndpointShown]:
    """All endpoints, by name."""
    visit.demand("", "replication", "list")
    return [_shown(each) for each in endpoints.listing(visit.database)]


@route("POST", "/replication/endpoints", "replication")
def replication_endpoint_create(visit: Guest, data: JSONBody[EndpointNew]) -> EndpointShown:
    """Make an endpoint. Its registry is not asked; `/ping` does."""
    visit.demand("", "replication", "create")
    given = {key: value for key, value in msgspec.structs.asdict(data).items() if key != "password"}
    return _shown(endpoints.add(visit.database, visit.parts.seal, Endpoint(0, **given), data.password))


@route("GET", _ENDPOINT, "replication")
def replication_endpoint_read(visit: Guest, endpoint: Part) -> EndpointShown:
    """One endpoint."""
    visit.demand("", "replication", "read")
    return _shown(endpoints.named(visit.database, endpoint))


@route("PATCH", _ENDPOINT, "replication")
def replication_endpoint_update(visit: Guest, endpoint: Part, data: JSONBody[EndpointChange]) -> EndpointShown:
    """Change an endpoint, for all rules that use it."""
    visit.demand("", "replication", "update")
    given = {key: value for key, value in msgspec.structs.asdict(data).items() if value is not None}
    secret = given.pop("password", None)
    return _shown(endpoints.change(visit.database, visit.parts.seal, endpoint, secret, **given))


@route("DELETE", _ENDPOINT, "replication")
def replication_endpoint_delete(visit: Guest, endpoint: Part) -> None:
    """Remove an endpoint that no rule uses."""
    visit.demand("", "replication", "delete")
    endpoints.remove(visit.database, endpoint)


@route("POST", _ENDPOINT + "/ping", "replication", status=200)
def replication_endpoint_ping(visit: Guest, endpoint: Part) -> Ping:
    """Ask the endpoint's registry, once, whether it answers and takes the password."""
    visit.demand("", "replication", "create")
    return ping(visit.database, visit.parts.seal, endpoint)


def _shown(endpoint: Endpoint) -> EndpointShown:
    given = endpoint.to_json()
    del given["number"]
    return EndpointShown(**given)
