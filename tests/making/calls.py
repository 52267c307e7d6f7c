"""Requests to an ASGI application in this process, and the answers."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from dockyard.registry.app.call import Application


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    body: bytes = b""

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error code."""
        return str(self.document["errors"][0]["code"])


class Caller:
    """Sends requests to `app`, from `address` unless told otherwise."""

    def __init__(self, app: Application, address: str = "192.0.2.7") -> None:
        self.app, self.address = app, address

    def __call__(
        self,
        method: str,
        path: str,
        *,
        auth: str = "",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        address: str = "",
    ) -> Answer:
        answer = Answer()
        sent = {"host": "registry.test", "content-length": str(len(body)), **(headers or {})}
        if auth:
            sent["authorization"] = auth
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": place,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": (address or self.address, 1),
            "scheme": "http",
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
                answer.cookies = [value.decode() for name, value in message["headers"] if name == b"set-cookie"]
            elif message["type"] == "http.response.pathsend":
                with open(message["path"], "rb") as stream:
                    answer.body += stream.read()
            else:
                answer.body += message.get("body", b"")

        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        return answer

    def form(self, path: str, words: dict[str, Any], **more: Any) -> Answer:
        """POST a form."""
        return self("POST", path, body=urlencode(words, doseq=True).encode(), **more)


def basic(name: str, secret: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
