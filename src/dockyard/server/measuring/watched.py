"""Around the whole application: counts each request, gives it a number, logs it, and begins its trace."""

import os
import re
import time
from itertools import count
from threading import Lock
from typing import Any

from dockyard.registry.app.body import Came, Ending, Exchange
from dockyard.registry.app.call import Application, Message, Receive, Scope, Send
from dockyard.registry.app.forwarded import Forwarded
from dockyard.registry.app.pushes import Pushes
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
        self._levels = counts.levels
        self._lock = Lock()
        # Made once for each kind of request there is: building the keys anew costs more than counting.
        self._keys: dict[tuple[str, str, int], tuple[Any, ...]] = {}

    def level(self, change: int, body: bool) -> None:
        """A request begins or ends."""
        with self._lock:
            self._levels[_UNDER_WAY] += change
            if body:
                self._levels[_UPLOADS] += change

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


class _Later:
    """A request that is answered later: watched like any other (`app.body.Exchange`)."""

    def __init__(self, exchange: Exchange, tally: _Tally, number: bytes, begun: float) -> None:
        self.scope, self.go_on = exchange.scope, exchange.go_on
        self._exchange, self._tally, self._number, self._begun = exchange, tally, number, begun
        self._status = self._received = self._sent = 0
        self._counted = False

    def put(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self._number)]
        else:
            self._sent += len(message.get("body", b""))
        self._exchange.put(message)

    def receive(self, came: Came) -> None:
        def counted(data: bytes, ended: Ending) -> bool:
            self._received += len(data)
            return came(data, ended)

        self._counted = True
        self._tally.level(1, True)
        try:
            self._exchange.receive(counted)
        except BaseException:
            self._tally.level(-1, True)
            raise

    def end(self) -> None:
        if self._counted:
            self._tally.level(-1, True)
        scope, seconds = self.scope, _clock() - self._begun
        target = scope.get("dockyard.target")
        method = scope["method"]
        self._tally.done(scope, method, target, self._status, self._sent, self._received, seconds, self._number)
        self._exchange.end()


class Watched:
    """The application `app`, watched.

    Args:
        app: answers.
        counts: gets what was counted.
        log: gets a line for each request.
        forwarded: whose X-Request-Id is believed.
        traced: begins and ends the traces of requests (`tracing.Traced`).
        quick: asked before `app`; what is traced goes the long way.
        pushes: takes uploads where `prompt` is asked.
    """

    def __init__(
        self,
        app: Application,
        counts: Counts,
        log: AccessLog | None = None,
        *,
        forwarded: Forwarded,
        traced: Any = None,
        quick: Quick | None = None,
        pushes: Pushes | None = None,
    ) -> None:
        self._app, self._forwarded, self._traced = app, forwarded, traced
        self._quick = quick if traced is None else None
        self._pushes = pushes
        self._begin = os.urandom(8).hex().encode() + b"-"
        self._numbers = count(1)
        self._tally = _Tally(counts, log)
        self._done = self._tally.done

    def prompt(self, exchange: Exchange) -> bool:
        """Answer a request that takes no waiting, or will be answered by another thread; false, and nothing was done,
        for any other. To be called by one thread, which may be another than that of the event loop.
        """
        if self._traced is not None:
            return False
        begun, scope = _clock(), exchange.scope
        method = scope["method"]
        if method not in _LOOKING:
            if self._pushes is None:
                return False
            return self._pushes.take(_Later(exchange, self._tally, self._number(scope), begun))
        scope["dockyard.asked"] = True  # by this thread, so that no other asks
        answer = self._quick(scope) if self._quick is not None else None
        if answer is None:
            return False
        number = self._number(scope)
        exchange.put(_start(answer, number))
        exchange.put(answer.message)
        self._done(scope, method, answer.target, 200, answer.size, 0, _clock() - begun, number)
        exchange.end()
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
        method, traced = scope["method"], self._traced
        number = self._number(scope)
        seen = _Seen(number, receive, send)
        body = method in _BODIES
        self._tally.level(1, body)
        try:
            receiver = seen.receiving if body else receive
            if traced is None:
                await self._app(scope, receiver, seen.sending)
            else:
                with traced.request(scope, number.decode()) as span:
                    await self._app(scope, receiver, seen.sending)
                    traced.answered(span, scope, seen.status)
        finally:
            self._tally.level(-1, body)
            target = scope.get("dockyard.target")
            self._done(scope, method, target, seen.status, seen.sent, seen.received, _clock() - begun, number)

    def _number(self, scope: Scope) -> bytes:
        """What the request is called in its answer and in the log."""
        given = _given(scope) if self._forwarded.believes(scope) else b""
        return given or b"%b%x" % (self._begin, next(self._numbers))


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
