"""The OpenAPI document."""

import json
from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, Reference, SecurityScheme, Tag

from dockyard.server.access.sessions import COOKIE

_TEXT = """What people and programs do to a registry besides pushing and pulling.

Who may do what is what roles say; docs/access.md has the table. Callers log in as they do for pushing and pulling:
with a name and a password, a personal token or a robot's secret (Basic), or with a token (Bearer). Browsers may use
the session of the web pages instead; whatever changes something then needs the token that /api/v1/me gives, as
X-CSRF-Token.

Lists are paged: `count` bounds a page, `last` is where the page before ended, and the Link header has the next page.
Times are milliseconds since 1970. In paths a repository's slashes are written as %2F or as colons: team%2Fweb or
team:web. Every error has the same form; its `reference` is explained in docs/errors.md.
"""
_TAGS = {
    "system": "The server itself, and who asks.",
    "search": "What has a text in its name, and what an advisory touches.",
    "projects": "The first parts of repositories' names.",
    "repositories": "What projects hold.",
    "tags": "The names of artifacts.",
    "artifacts": "Images, indexes and everything else that has a digest.",
    "labels": "Words with a colour that people put on artifacts.",
    "images": "What is in images, and what is said of it.",
    "members": "Who has which role in a project.",
    "groups": "Accounts that are members together.",
    "users": "Accounts of people.",
    "tokens": "What people give their command lines in place of a password.",
    "robots": "What machines log in with.",
    "keyless": "How CI jobs get in without a secret.",
    "rules": "Which tags projects take, and which never change.",
    "retention": "What projects keep.",
    "quotas": "How many bytes projects may hold.",
    "policy": "What an image must be like to be pulled.",
    "webhooks": "Who is told by HTTP what happens.",
    "replication": "Images copied to and from other registries by rule.",
    "jobs": "What the server does beside serving.",
    "events": "What happened, and who did it.",
}


def settings() -> OpenAPIConfig:
    """What is said of the API as a whole."""
    schemes: dict[str, SecurityScheme | Reference] = {
        "basic": SecurityScheme(
            type="http", scheme="basic", description="A name with a password, a personal token or a robot's secret."
        ),
        "bearer": SecurityScheme(
            type="http", scheme="bearer", description="A token from /token, a personal token or a robot's secret."
        ),
        "session": SecurityScheme(
            type="apiKey", security_scheme_in="cookie", name=COOKIE, description="The web pages' session."
        ),
    }
    return OpenAPIConfig(
        title="Dockyard registry",
        version="1",
        summary="Management of a Dockyard registry",
        description=_TEXT,
        contact=Contact(name="Dockyard"),
        components=Components(security_schemes=schemes),
        tags=[Tag(name=name, description=said) for name, said in _TAGS.items()],
        create_examples=False,
        path="/api/described",
    )


def described(app: Litestar) -> bytes:
    """The document as JSON, its keys in order."""
    found = app.openapi_schema.to_schema()
    opened = {
        handler.operation_id
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.opt.get("open")
    }
    found["paths"] = {path: item for path, item in found["paths"].items() if path.startswith("/api/v1/")}
    for item in found["paths"].values():
        for operation in item.values():
            _finish(operation, found["components"], anyone=operation.get("operationId") in opened)
    _strict(found)
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _finish(operation: dict[str, Any], components: dict[str, Any], *, anyone: bool) -> None:
    """Say who may ask, and once for all what refusals look like."""
    operation["security"] = [{"basic": []}, {"bearer": []}, {"session": []}, *([{}] if anyone else [])]
    answers = operation["responses"]
    for code in [each for each in answers if int(each) >= 400]:
        components.setdefault("responses", {}).setdefault(code, answers[code])
        answers[code] = {"$ref": f"#/components/responses/{code}"}


def _strict(found: dict[str, Any]) -> None:
    """Say of everything that is sent here that it must have no other fields."""
    schemas = found["components"]["schemas"]
    waiting: list[Any] = [
        operation["requestBody"]
        for item in found["paths"].values()
        for operation in item.values()
        if "requestBody" in operation
    ]
    seen: set[str] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            name = str(each.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                waiting.append(schemas[name])
                if "properties" in schemas[name]:
                    schemas[name]["additionalProperties"] = False
            waiting += each.values()
