"""Around the whole application: counts each request, gives it a number, logs it, and begins its trace."""

import os
import re
import time
from itertools import count
from typing import Any

from dockyard.registry.app.call import Application, Message, Receive, Scope, Send
from dockyard.registry.app.quick import Quick
from dockyard.registry.caller import CALLER
from dockyard.server.measuring.accesslog import AccessLog
from dockyard.server.measuring.counts import Counts, Spread

_NUMBER = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BODIES = frozenset(("PUT", "PATCH", "POST"))
_METHODS = frozenset(("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"))
_LOOKING = frozenset(("GET", "HEAD"))
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


class _Tally:
    """Counts and logs what was answered."""

    def __init__(self, counts: Counts, log: AccessLog | None) -> None:
        self._numbered, self._spreads, self._log = counts.counts, counts.spreads, log
        # Made once for each kind of request there is: building the keys anew costs more than counting.
        self._keys: dict[tuple[str, str, int], tuple[Any, ...]] = {}

    def done(
        self,
        scope: Scope,
        method: str,
        target: Any,
        status: int,
        sent: int,
        received: int,
        seconds: float,
        number: bytes,
    ) -> None:
        kind = target.kind if target is not None else "other"
        key = (kind, method, status)
        found = self._keys.get(key)
        if found is None:
            name = method if method in _METHODS else "OTHER"
            spread = self._spreads.setdefault(("request_seconds", kind, name), Spread())
            found = (("requests", kind, name, str(status)), spread, ("sent_bytes", kind), ("received_bytes", kind))
            if len(self._keys) < 10_000:
                self._keys[key] = found
        self._numbered[found[0]] += 1
        found[1].add(seconds)
        if sent:
            self._numbered[found[2]] += sent
        if received:
            self._numbered[found[3]] += received
        if status in (401, 403) and kind in _PULLED and method in _LOOKING:
            self._numbered["denied_pulls", kind] += 1
        if self._log is not None:
            self._log.note(scope, CALLER.get(), target, status, sent, received, seconds, number)


def watched(
    app: Application,
    counts: Counts,
    log: AccessLog | None = None,
    *,
    trusted: bool = False,
    traced: Any = None,
    quick: Quick | None = None,
) -> Application:
    """The application `app`, watched.

    Args:
        app: answers.
        counts: gets what was counted.
        log: gets a line for each request.
        trusted: whether to believe X-Forwarded-For and a request's own X-Request-Id.
        traced: begins and ends the traces of requests (`tracing.Traced`).
        quick: asked before `app`; what is traced goes the long way.
    """
    quick = quick if traced is None else None
    begin = os.urandom(8).hex().encode() + b"-"
    numbers = count(1)
    levels, clock, done = counts.levels, time.perf_counter, _Tally(counts, log).done

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        begun = clock()
        number = b"%b%x" % (begin, next(numbers))
        if trusted:
            number = _given(scope) or number
        method = scope["method"]
        if quick is not None and method in _LOOKING:
            answer = quick(scope)
            if answer is not None:
                headers = [*answer.headers, (b"x-request-id", number)]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send(answer.message)
                done(scope, method, answer.target, 200, answer.size, 0, clock() - begun, number)
                return
        seen = _Seen(number, receive, send)
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
            target = scope.get("dockyard.target")
            done(scope, method, target, seen.status, seen.sent, seen.received, clock() - begun, number)

    return application


_UNDER_WAY = ("requests_under_way",)
_UPLOADS = ("uploads_under_way",)


def _given(scope: Scope) -> bytes:
    """The number that a trusted proxy has given the request."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value) if _NUMBER.fullmatch(value) else b""
    return b""
