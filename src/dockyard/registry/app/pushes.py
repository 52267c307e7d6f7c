"""The short way of uploads: begun without waiting for anything, and their bodies taken without the event loop.

A small blob that comes whole is kept in memory until one thread brings it to the disk; what is larger, or comes in
parts, is taken a batch at a time. What is answered is what `uploads` would answer. Whatever is not plain (ranges,
mounts, parameters, callers that are not known yet) takes the long way.
"""

import contextlib
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from dockyard.errors import DiskFullError, Error
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.registry.app import uploads
from dockyard.registry.app.application import refuse
from dockyard.registry.app.body import Body, Ended, Exchange
from dockyard.registry.app.call import PIECE, Call, Message, Scope, Ways
from dockyard.registry.blobs import SMALL_BYTES
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.guard import Pass
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes, request

_LONGEST = 1024
_ODD = frozenset((b"content-range", b"expect", b"content-encoding"))
_METHODS = {"POST": "uploads", "PUT": "upload", "PATCH": "upload"}


class _Meant(NamedTuple):
    target: request.Target
    digest: Digest | None
    permit: Pass
    small: bool


class Pushes:
    """Takes requests of uploads. `take` is for one thread.

    Args:
        registry: takes the blobs.
        ways: as of the application.
        start: runs a function on a thread that may wait.
    """

    def __init__(self, registry: Registry, ways: Ways, start: Callable[[Callable[[], None]], Any]) -> None:
        self._registry, self._ways, self._start = registry, ways, start

    def take(self, exchange: Exchange) -> bool:
        """Answer, now or later; false, and nothing was done, for whatever goes the long way."""
        scope = exchange.scope
        meant = self._meant(scope)
        if meant is None:
            return False

        async def send(message: Message) -> None:
            exchange.put(message)

        call = Call(self._registry, self._ways, scope, _nothing, send, permit=meant.permit)
        target = meant.target
        if meant.digest is None and target.kind == "uploads":
            upload = self._registry.begin_at_once(target.name)
            if upload is None:
                return False
            scope["dockyard.target"] = target
            _now(uploads.accepted(call, target.name, upload, 0))
            exchange.end()
            return True
        scope["dockyard.target"] = target
        pushed = _Pushed(self._registry, call, meant)
        batch = SMALL_BYTES + 1 if meant.small else PIECE
        Body(exchange, self._apart, batch, pushed.take, pushed.then, exchange.end).receive()
        return True

    def _apart(self, work: Callable[[], None]) -> None:
        """Do `work` on a thread that may wait, as nobody yet."""
        self._start(partial(Context().run, work))

    def _meant(self, scope: Scope) -> _Meant | None:
        method, path = scope["method"], scope["path"]
        kind = _METHODS.get(method)
        if kind is None or len(path) > _LONGEST:
            return None
        target = request.parse(path)
        if target is None or target.kind != kind or not request.name_valid(target.name):
            return None
        shown = _shown(scope)
        if shown is None:
            return None
        length, authorization = shown
        query = scope["query_string"]
        digest = _digest(query) if query else None
        if query and digest is None:
            return None
        small = digest is not None and 0 < length <= SMALL_BYTES
        if method == "PUT":
            plain = digest is not None
            small = small and self._registry.bare(target.name, target.item)
        elif method == "POST":
            plain = small or (digest is None and not length)
        else:
            plain = digest is None
        permit = self._permit(scope, authorization) if plain else None
        if permit is None or not permit.allows(target.name, "push"):
            return None
        return _Meant(target, digest, permit, small)

    def _permit(self, scope: Scope, authorization: str) -> Pass | None:
        try:
            permit = self._ways.guard.known(authorization)
        except WireError:
            return None
        if permit is not None:
            scope["dockyard.permit"] = permit  # it has paid for this request, whichever way that goes
        return permit


class _Pushed:
    """A request with a body: the whole of a small blob, or more bytes of an upload, with a digest its last ones.

    Args:
        registry: takes the bytes.
        call: is answered.
        meant: what is asked for.
    """

    def __init__(self, registry: Registry, call: Call, meant: _Meant) -> None:
        self._registry, self._call = registry, call
        self._name, self._upload = meant.target.name, meant.target.item
        self._digest, self._small = meant.digest, meant.small
        self._before: int | None = None
        self._taken = 0

    def take(self, pieces: Sequence[bytes]) -> None:
        """Take a batch."""
        self._look()
        self._taken += sum(map(len, pieces))
        self._registry.append(self._name, self._upload, *pieces)

    def then(self, rest: Sequence[bytes], ended: Ended, error: Exception | None) -> None:
        """Do the rest, and answer."""
        call = self._call
        assert call.permit is not None
        CALLER.set(Caller(call.permit.caller.name, call.permit.caller.kind, call.address))
        try:
            if error is not None:
                raise error
            if ended != "whole":
                if rest or self._taken:
                    self._registry.append(self._name, self._upload, *rest, b"")  # what came counts
                if ended == "slow":
                    raise WireError(codes.TOO_SLOW, "", {"connection": "close"})
                raise WireError(codes.BLOB_UPLOAD_INVALID, "the client went away")
            _now(self._end(rest))
        except Exception as failure:  # noqa: BLE001 (no request, however odd, may end without an answer)
            if error is not None or isinstance(failure, DiskFullError):
                self._leave(failure)
            _now(refuse(call, failure))

    def _look(self) -> None:
        """See how many bytes had come before, where the answer has to tell it."""
        if self._digest is None and self._before is None:
            self._before = self._registry.received(self._name, self._upload)

    def _end(self, rest: Sequence[bytes]) -> Coroutine[Any, Any, None]:
        """Do the rest of a body that came as it should; gives the answer."""
        if self._digest is None:
            self._look()
            assert self._before is not None
            self._registry.append(self._name, self._upload, *rest, b"")
            received = self._before + self._taken + sum(map(len, rest))
            return uploads.accepted(self._call, self._name, self._upload, received)
        if self._small:
            self._registry.put_blob(self._name, self._digest, rest, self._upload)
        else:
            self._registry.finish(self._name, self._upload, self._digest, rest)
        return uploads.created(self._call, self._name, self._digest)

    def _leave(self, error: Exception) -> None:
        """Where the disk is full, most clients begin anew, and what had come would keep it full; else it counts."""
        with contextlib.suppress(Error):
            if isinstance(error, DiskFullError):
                self._registry.cancel(self._name, self._upload)
            else:
                self._registry.append(self._name, self._upload, b"")


def _shown(scope: Scope) -> tuple[int, str] | None:
    """The length of a request's body, below zero where it is not known, and its authorization; None where anything
    about it is not plain.
    """
    length, authorization, chunked, hosts = 0, "", False, 0
    for name, value in scope["headers"]:
        if name in _ODD:
            return None
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18:
                return None
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"host":
            hosts += 1
    if hosts > 1:
        return None
    return -1 if chunked else length, authorization


def _digest(query: bytes) -> Digest | None:
    """The digest, where the query has nothing else."""
    name, _, value = query.decode("latin-1").partition("=")
    if name != "digest" or "&" in value or len(value) > _LONGEST:
        return None
    try:
        return Digest.parse(unquote_plus(value))
    except DigestInvalidError:
        return None


def _now(answer: Coroutine[Any, Any, None]) -> None:
    """Let an answer that waits for nothing be given."""
    try:
        answer.send(None)
    except StopIteration:
        return
    answer.close()
    raise RuntimeError("an answer waits where nothing may")


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
