"""The application: from a request to the function that answers it (distribution-spec 1.1, endpoints)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dockyard.errors import DiskFullError, TransientError
from dockyard.oci.digest import DigestInvalidError
from dockyard.registry.app import blobs, lists, manifests, uploads
from dockyard.registry.app.call import Application, Call, Receive, Scope, Send, Ways
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.guard import Action, Pass
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes, request

_LOG = logging.getLogger("dockyard.registry")


def application(registry: Registry, ways: Ways | None = None) -> Application:
    """The ASGI application that serves `registry` under `/v2/`."""
    ways = ways or Ways()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = Call(registry, ways, scope, receive, send)
        try:
            await _answer(call)
        except Exception as error:  # noqa: BLE001 (no request, however odd, may end without an answer)
            await refuse(call, error)
            await call.linger()

    return app


async def refuse(call: Call, error: Exception) -> None:
    """Answer with what the error means to the client."""
    scope = call.scope
    if isinstance(error, WireError):
        await call.refuse(error.code, error.detail, error.headers)
    elif isinstance(error, DigestInvalidError):
        await call.refuse(codes.DIGEST_INVALID, error.message)
    elif isinstance(error, DiskFullError):
        await call.refuse(codes.STORAGE_FULL, "")
    elif isinstance(error, TransientError):
        _LOG.warning("a request has to be tried again: %s %s: %s", scope["method"], scope["path"], error.message)
        await call.refuse(codes.UNAVAILABLE, "", {"retry-after": "5"})
    else:
        _LOG.error("a request failed: %s %s", scope["method"], scope["path"], exc_info=error)
        await call.refuse(codes.UNAVAILABLE, "", {"retry-after": "5"})


async def _answer(call: Call) -> None:
    scope, ways = call.scope, call.ways
    method = scope["method"]
    target = request.parse(scope["path"])
    if target is None:
        raise WireError(codes.NOT_FOUND, "no such path")
    scope["dockyard.target"] = target  # for whoever watches
    # No database has room for a zero byte in a text, so nothing can be called by one.
    if "\0" in target.item and target.kind == "manifest":
        raise WireError(codes.MANIFEST_UNKNOWN, "the reference has a zero byte")
    if b"%00" in scope.get("query_string", b""):
        raise WireError(codes.PARAMETER_INVALID, "a parameter has a zero byte")
    authorization = call.header(b"authorization")
    # Who was looked at on the short way already is not counted twice.
    permit: Pass | None = scope.get("dockyard.permit") or ways.guard.known(authorization)
    if permit is None:
        permit = await asyncio.to_thread(ways.guard.admit, authorization, call.address, call.base)
    call.permit = permit
    found = _HANDLERS.get((method, target.kind))
    if found is None:
        raise WireError(codes.UNSUPPORTED, f"{method[:40]} is not for this path", {"allow": _ALLOWED[target.kind]})
    handler, action = found
    if target.name:
        if not request.name_valid(target.name):
            raise WireError(codes.NAME_INVALID, target.name[:260])
        namespace = call.query("ns") if scope.get("query_string") else ""
        if namespace:
            if not request.namespace_valid(namespace):
                raise WireError(codes.NAME_INVALID, f"not a registry's host: {namespace[:100]!r}")
            target = request.Target(target.kind, ways.named(namespace, target.name), target.item)
            call.namespace = namespace
    if not permit.allows(target.name, action):
        # Who looks whether something is there is mostly about to push; some clients keep to the first token they get.
        looking = method == "HEAD" and action == "pull" and permit.caller.kind == "anonymous"
        raise permit.refusal(target.name, "push" if looking else action, call.base, uploads.source(call, target))
    CALLER.set(Caller(permit.caller.name, permit.caller.kind, call.address))
    await handler(call, target)


async def _root(call: Call, target: request.Target) -> None:
    await call.reply(200, b"{}")


_Handler = Callable[[Call, request.Target], Awaitable[None]]
_HANDLERS: dict[tuple[str, str], tuple[_Handler, Action]] = {
    ("GET", "root"): (_root, "pull"),
    ("HEAD", "root"): (_root, "pull"),
    ("GET", "blob"): (blobs.get, "pull"),
    ("HEAD", "blob"): (blobs.get, "pull"),
    ("DELETE", "blob"): (blobs.delete, "delete"),
    ("GET", "manifest"): (manifests.get, "pull"),
    ("HEAD", "manifest"): (manifests.get, "pull"),
    ("PUT", "manifest"): (manifests.put, "push"),
    ("DELETE", "manifest"): (manifests.delete, "delete"),
    ("POST", "uploads"): (uploads.begin, "push"),
    ("GET", "upload"): (uploads.state, "push"),
    ("HEAD", "upload"): (uploads.state, "push"),
    ("PATCH", "upload"): (uploads.patch, "push"),
    ("PUT", "upload"): (uploads.put, "push"),
    ("DELETE", "upload"): (uploads.cancel, "push"),
    ("GET", "tags"): (lists.tags, "pull"),
    ("HEAD", "tags"): (lists.tags, "pull"),
    ("GET", "referrers"): (lists.referrers, "pull"),
    ("HEAD", "referrers"): (lists.referrers, "pull"),
    ("GET", "catalog"): (lists.catalog, "list"),
    ("HEAD", "catalog"): (lists.catalog, "list"),
}
_ALLOWED = {kind: ", ".join(method for method, each in _HANDLERS if each == kind) for _, kind in _HANDLERS}
