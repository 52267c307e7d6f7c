"""The API as one application: every noun's handlers, behind the door."""

import asyncio
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from dockyard.registry.app.call import Application
from dockyard.server.api import (
    artifacts,
    endpoints,
    events,
    groups,
    images,
    jobs,
    keyless,
    labels,
    lockouts,
    members,
    policies,
    projects,
    pruning,
    quotas,
    removals,
    replication,
    repositories,
    retention,
    robots,
    scanning,
    search,
    system,
    tag_rules,
    tags,
    tokens,
    users,
    webhooks,
)
from dockyard.server.api.description import described, settings
from dockyard.server.api.document import document
from dockyard.server.api.door import door
from dockyard.server.api.parts import Parts
from dockyard.server.api.problem import answer
from dockyard.server.api.visit import Visit

NOUNS = (
    system,
    search,
    projects,
    pruning,
    repositories,
    tags,
    artifacts,
    labels,
    removals,
    images,
    scanning,
    members,
    groups,
    users,
    lockouts,
    tokens,
    robots,
    keyless,
    tag_rules,
    retention,
    quotas,
    policies,
    webhooks,
    endpoints,
    replication,
    jobs,
    events,
)
ROOT = "/api/v1"


def management(parts: Parts) -> Application:
    """The application for `/api/…`."""
    inner: Any = _litestar(None)
    inside = door(parts, inner)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/api/openapi.json" and scope["method"] in ("GET", "HEAD"):
            await _give(await asyncio.to_thread(document), send, head=scope["method"] == "HEAD")
            return
        await inside(scope, receive, send)

    return app


def made() -> bytes:
    """The document made anew, the same bytes for the same operations."""
    return described(_litestar(settings()))


def operations() -> list[tuple[str, str]]:
    """The method and path of every operation."""
    routes: Any = _litestar(None).routes
    return sorted((str(method), str(each.path_format)) for each in routes for method in each.methods - {"OPTIONS"})


def _litestar(about: OpenAPIConfig | None) -> Litestar:
    handlers = [each for noun in NOUNS for each in vars(noun).values() if isinstance(each, HTTPRouteHandler)]
    return Litestar(
        route_handlers=[Router(ROOT, route_handlers=handlers)],
        dependencies={"visit": Provide(_visit, sync_to_thread=False)},
        exception_handlers={Exception: answer},
        openapi_config=about,
        request_max_body_size=None,
        logging_config=None,
    )


def _visit(request: Request[Any, Any, Any]) -> Visit:
    found: Visit = request.scope["state"]["visit"]
    return found


async def _give(document: bytes, send: Any, *, head: bool) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(document)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else document})
