"""Endpoints of replication, as `dockyard.server.replication` has them."""

from typing import Any

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.replication.endpoints import Endpoint
from dockyard.server.replication.pinging import Ping

_PATH = "/replication/endpoints"


def listing(remote: Remote) -> list[Endpoint]:
    """All endpoints."""
    return [_endpoint(each) for each in remote.ask("GET", _PATH)]


def add(remote: Remote, seal: object, endpoint: Endpoint, secret: str = "") -> Endpoint:
    """Make one."""
    kept = ("number", "checked_at", "trouble", "rules")
    document = {key: value for key, value in endpoint.to_json().items() if key not in kept}
    return _endpoint(remote.ask("POST", _PATH, {**document, "password": secret}))


def change(remote: Remote, seal: object, name: str, secret: str | None = None, **changes: Any) -> Endpoint:
    """Change one."""
    document = {**changes, **({} if secret is None else {"password": secret})}
    return _endpoint(remote.ask("PATCH", f"{_PATH}/{part(name)}", document))


def remove(remote: Remote, name: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"{_PATH}/{part(name)}")


def ping(remote: Remote, seal: object, name: str) -> Ping:
    """Ask its registry whether it answers."""
    return Ping(**remote.ask("POST", f"{_PATH}/{part(name)}/ping"))


def _endpoint(document: dict[str, Any]) -> Endpoint:
    return Endpoint(0, **{**document, "rules": tuple(document["rules"])})
