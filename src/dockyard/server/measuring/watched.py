"""Around the whole application: counts each request, gives it a number, logs it, and begins its trace."""

import os
import re
import time
from itertools import count
from typing import Any

from dockyard.registry.app.call import Application, Message, Receive, Scope, Send
from dockyard.registry.caller import CALLER
from dockyard.server.measuring.accesslog import AccessLog
from dockyard.server.measuring.counts import Counts, Spread

_NUMBER = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BODIES = frozenset(("PUT", "PATCH", "POST"))
_METHODS = frozenset(("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"))
_PULLED = frozenset(("manifest", "blob"))


class _Seen:
    """What passes between the application and the client for one request."""

    __slots__ = ("number", "receive", "received", "send", "sent", "status")

    def __init__(self, number: bytes, receive: Receive, send: Send) -> None:
        self.number, self.receive, self.send = number, receive, send
        self.status = self.received = self.sent = 0

    async def receiving(self) -> Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        return message

    async def sending(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            self.sent += len(message.get("body", b""))
        elif kind == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self.number)]
        elif kind == "http.response.pathsend":
            self.sent += os.stat(message["path"]).st_size
        await self.send(message)


def watched(
    app: Application, counts: Counts, log: AccessLog | None = None, *, trusted: bool = False, traced: Any = None
) -> Application:
    """The application `app`, watched.

    Args:
        app: answers.
        counts: gets what was counted.
        log: gets a line for each request.
        trusted: whether to believe X-Forwarded-For and a request's own X-Request-Id.
        traced: begins and ends the traces of requests (`tracing.Traced`).
    """
    begin = os.urandom(8).hex().encode() + b"-"
    numbers = count(1)
    numbered, levels, spreads, clock = counts.counts, counts.levels, counts.spreads, time.perf_counter
    # Made once for each kind of request there is: building the keys anew costs more than counting.
    keys: dict[tuple[str, str, int], tuple[Any, ...]] = {}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begun = clock()
        number = b"%b%x" % (begin, next(numbers))
        if trusted:
            number = _given(scope) or number
        seen = _Seen(number, receive, send)
        method = scope["method"]
        levels[_UNDER_WAY] += 1
        body = method in _BODIES
        if body:
            levels[_UPLOADS] += 1
        try:
            receiver = seen.receiving if body else receive
            if traced is None:
                await app(scope, receiver, seen.sending)
            else:
                with traced.request(scope, number.decode()) as span:
                    await app(scope, receiver, seen.sending)
                    traced.answered(span, scope, seen.status)
        finally:
            levels[_UNDER_WAY] -= 1
            if body:
                levels[_UPLOADS] -= 1
            seconds = clock() - begun
            target = scope.get("dockyard.target")
            kind = target.kind if target is not None else "other"
            key = (kind, method, seen.status)
            found = keys.get(key)
            if found is None:
                name = method if method in _METHODS else "OTHER"
                spread = spreads.setdefault(("request_seconds", kind, name), Spread())
                found = (
                    ("requests", kind, name, str(seen.status)),
                    spread,
                    ("sent_bytes", kind),
                    ("received_bytes", kind),
                )
                if len(keys) < 10_000:
                    keys[key] = found
            numbered[found[0]] += 1
            found[1].add(seconds)
            if seen.sent:
                numbered[found[2]] += seen.sent
            if seen.received:
                numbered[found[3]] += seen.received
            if seen.status in (401, 403) and kind in _PULLED and method in ("GET", "HEAD"):
                numbered["denied_pulls", kind] += 1
            if log is not None:
                log.note(scope, CALLER.get(), target, seen.status, seen.sent, seen.received, seconds, number)

    return application


_UNDER_WAY = ("requests_under_way",)
_UPLOADS = ("uploads_under_way",)


def _given(scope: Scope) -> bytes:
    """The number that a trusted proxy has given the request."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value) if _NUMBER.fullmatch(value) else b""
    return b""
