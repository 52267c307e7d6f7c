"""Around the whole application: counts each request, gives it a number, logs it, and begins its trace."""

import os
import re
import time
from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Any

from dockyard.registry.app.call import Application, Message, Receive, Scope, Send
from dockyard.registry.app.quick import Answer, Quick
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
    """Counts and logs what was answered, on the event loop's thread and on the server's own."""

    def __init__(self, counts: Counts, log: AccessLog | None) -> None:
        self._numbered, self._spreads, self._log = counts.counts, counts.spreads, log
        self._lock = Lock()
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
        with self._lock:
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


class Watched:
    """The application `app`, watched.

    Args:
        app: answers.
        counts: gets what was counted.
        log: gets a line for each request.
        trusted: whether to believe X-Forwarded-For and a request's own X-Request-Id.
        traced: begins and ends the traces of requests (`tracing.Traced`).
        quick: asked before `app`; what is traced goes the long way.
    """

    def __init__(
        self,
        app: Application,
        counts: Counts,
        log: AccessLog | None = None,
        *,
        trusted: bool = False,
        traced: Any = None,
        quick: Quick | None = None,
    ) -> None:
        self._app, self._trusted, self._traced = app, trusted, traced
        self._quick = quick if traced is None else None
        self._begin = os.urandom(8).hex().encode() + b"-"
        self._numbers = count(1)
        self._levels, self._done = counts.levels, _Tally(counts, log).done

    def prompt(self, scope: Scope, send: Callable[[Message], Any]) -> bool:
        """Answer a request that takes no waiting, with two messages; false, and nothing was sent, for any other. To be
        called by one thread, which may be another than that of the event loop.
        """
        if self._quick is None:
            return False
        begun = _clock()
        scope["dockyard.asked"] = True  # by this thread, so that no other asks
        method = scope["method"]
        answer = self._quick(scope) if method in _LOOKING else None
        if answer is None:
            return False
        number = self._number(scope)
        send(_start(answer, number))
        send(answer.message)
        self._done(scope, method, answer.target, 200, answer.size, 0, _clock() - begun, number)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = _clock()
        method = scope["method"]
        if self._quick is not None and method in _LOOKING and "dockyard.asked" not in scope:
            answer = self._quick(scope)
            if answer is not None:
                number = self._number(scope)
                await send(_start(answer, number))
                await send(answer.message)
                self._done(scope, method, answer.target, 200, answer.size, 0, _clock() - begun, number)
                return
        await self._long(scope, receive, send, begun)

    async def _long(self, scope: Scope, receive: Receive, send: Send, begun: float) -> None:
        method, levels, traced = scope["method"], self._levels, self._traced
        number = self._number(scope)
        seen = _Seen(number, receive, send)
        levels[_UNDER_WAY] += 1
        body = method in _BODIES
        if body:
            levels[_UPLOADS] += 1
        try:
            receiver = seen.receiving if body else receive
            if traced is None:
                await self._app(scope, receiver, seen.sending)
            else:
                with traced.request(scope, number.decode()) as span:
                    await self._app(scope, receiver, seen.sending)
                    traced.answered(span, scope, seen.status)
        finally:
            levels[_UNDER_WAY] -= 1
            if body:
                levels[_UPLOADS] -= 1
            target = scope.get("dockyard.target")
            self._done(scope, method, target, seen.status, seen.sent, seen.received, _clock() - begun, number)

    def _number(self, scope: Scope) -> bytes:
        """What the request is called in its answer and in the log."""
        return (_given(scope) if self._trusted else b"") or b"%b%x" % (self._begin, next(self._numbers))


def _start(answer: Answer, number: bytes) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [*answer.headers, (b"x-request-id", number)]}


_clock = time.perf_counter
_UNDER_WAY = ("requests_under_way",)
_UPLOADS = ("uploads_under_way",)


def _given(scope: Scope) -> bytes:
    """The number that a trusted proxy has given the request."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value) if _NUMBER.fullmatch(value) else b""
    return b""
