"""An ASGI application called directly, without a socket."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from dockyard.registry.app.call import Application


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def codes(self) -> list[str]:
        """The codes of an error document."""
        return [each["code"] for each in json.loads(self.body)["errors"]]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call(
    app: Application,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    pieces: int = 1,
    vanish: bool = False,
) -> Answer:
    """One request and its answer.

    Args:
        app: the application.
        method: of the request.
        target: path and query as on the wire.
        body: of the request; its length is sent unless there are several `pieces`.
        headers: further ones, names in lower case.
        pieces: how many messages the body comes in.
        vanish: whether the client goes away in the middle of its body.
    """
    path, _, query = target.partition("?")
    pairs = [*headers]
    if not any(name == b"host" for name, _ in pairs):
        pairs.insert(0, (b"host", b"registry.test"))
    if pieces == 1 and not any(name == b"content-length" for name, _ in pairs):
        pairs.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path, errors="replace"),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": pairs,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 5000),
        "extensions": {},
    }
    size = max(1, -(-len(body) // pieces))
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": vanish or number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    messages.append({"type": "http.disconnect"})
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await asyncio.wait_for(app(scope, receive, send), 30)

    asyncio.run(run())
    assert [each["type"] for each in sent[:1]] == ["http.response.start"], "no answer"
    assert all(each["type"] == "http.response.body" for each in sent[1:]), sent
    assert not sent[-1].get("more_body", False), "the answer does not end"
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    assert all(name == name.lower() for name in found), "header names are in lower case"
    return Answer(sent[0]["status"], found, b"".join(each.get("body", b"") for each in sent[1:]))
