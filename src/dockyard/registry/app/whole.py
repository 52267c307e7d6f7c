"""The short way of small blobs that come whole: an upload is begun without waiting for anything, and its one body is
kept in memory until one thread brings it to the disk.

What is answered is what `uploads` would answer. Whatever is not plain (parts, ranges, mounts, parameters, callers that
are not known yet) takes the long way.
"""

from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import unquote_plus

from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.registry.app import uploads
from dockyard.registry.app.application import refuse
from dockyard.registry.app.call import Call, Message, Scope, Ways
from dockyard.registry.blobs import SMALL_BYTES
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.guard import Pass
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes, request

_LONGEST = 1024
_ODD = frozenset((b"content-range", b"transfer-encoding", b"expect", b"content-encoding"))
Came = Literal["whole", "gone", "slow"]
"""How a body ended: as it should, because its client went away, or because that took too long."""


class Exchange(Protocol):
    """A request, and the way back, for whoever is not on the event loop's thread."""

    scope: Scope

    def put(self, message: Message) -> None:
        """Send a part of the answer. Does not wait."""

    def gather(self, then: Callable[[list[bytes], Came], None]) -> None:
        """Receive the body, and give it to `then` once it has come or will not come any more. Once only."""

    def end(self) -> None:
        """The answer is sent."""


class _Meant(NamedTuple):
    target: request.Target
    digest: Digest | None
    permit: Pass


class Whole:
    """Takes requests for small uploads. `take` is for one thread.

    Args:
        registry: takes the blobs.
        ways: as of the application.
        start: runs a function on a thread that may wait.
    """

    def __init__(self, registry: Registry, ways: Ways, start: Callable[[Callable[[], None]], Any]) -> None:
        self._registry, self._ways, self._start = registry, ways, start

    def take(self, exchange: Exchange) -> bool:
        """Answer, now or later; false, and nothing was done, for whatever goes the long way."""
        meant = self._meant(exchange.scope)
        if meant is None:
            return False

        async def send(message: Message) -> None:
            exchange.put(message)

        call = Call(self._registry, self._ways, exchange.scope, _nothing, send, permit=meant.permit)
        target = meant.target
        if meant.digest is None:
            upload = self._registry.begin_at_once(target.name)
            if upload is None:
                return False
            exchange.scope["dockyard.target"] = target
            _now(uploads.accepted(call, target.name, upload, 0))
            exchange.end()
            return True
        exchange.scope["dockyard.target"] = target
        then = partial(self._came, exchange, call, target, meant.digest)
        exchange.gather(then)
        return True

    def _came(
        self, exchange: Exchange, call: Call, target: request.Target, digest: Digest, pieces: list[bytes], how: Came
    ) -> None:
        self._start(partial(Context().run, self._store, exchange, call, target, digest, pieces, how))

    def _store(
        self, exchange: Exchange, call: Call, target: request.Target, digest: Digest, pieces: list[bytes], how: Came
    ) -> None:
        name, upload = target.name, target.item
        try:
            assert call.permit is not None
            CALLER.set(Caller(call.permit.caller.name, call.permit.caller.kind, call.address))
            if how != "whole":
                if upload and pieces:
                    self._registry.append(name, upload, *pieces, b"")  # what came counts
                if how == "slow":
                    raise WireError(codes.TOO_SLOW, "", {"connection": "close"})
                raise WireError(codes.BLOB_UPLOAD_INVALID, "the client went away")
            self._registry.put_blob(name, digest, pieces, upload)
            _now(uploads.created(call, name, digest))
        except Exception as error:  # noqa: BLE001 (no request, however odd, may end without an answer)
            _now(refuse(call, error))
        finally:
            exchange.end()

    def _meant(self, scope: Scope) -> _Meant | None:
        method, path = scope["method"], scope["path"]
        if len(path) > _LONGEST or method not in ("POST", "PUT"):
            return None
        target = request.parse(path)
        if target is None or target.kind != ("uploads" if method == "POST" else "upload"):
            return None
        if not request.name_valid(target.name):
            return None
        length, authorization = -1, ""
        for name, value in scope["headers"]:
            if name in _ODD:
                return None
            if name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 8 else SMALL_BYTES + 1
            elif name == b"authorization":
                authorization = value.decode("latin-1")
        query = scope["query_string"]
        digest: Digest | None = None
        if query or method == "PUT":
            digest = _digest(query)
            if digest is None or not 0 < length <= SMALL_BYTES:
                return None
            if method == "PUT" and not self._registry.bare(target.name, target.item):
                return None
        elif length > 0:
            return None
        try:
            permit = self._ways.guard.known(authorization)
        except WireError:
            return None
        if permit is None:
            return None
        scope["dockyard.permit"] = permit  # it has paid for this request, whichever way that goes
        return _Meant(target, digest, permit) if permit.allows(target.name, "push") else None


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
