"""What every request to the API passes first: who it is, whether a browser was tricked into it, and how long it is."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote, urlsplit

from dockyard.errors import Error
from dockyard.registry.app.call import Application, Call, Message, Receive, Scope, Send
from dockyard.registry.caller import CALLER
from dockyard.registry.guard import Pass
from dockyard.registry.local import is_local
from dockyard.server.access import secret, sessions
from dockyard.server.access.guard import AccountPass
from dockyard.server.access.principal import SYSTEM_PRINCIPAL, Principal
from dockyard.server.api.parts import Parts
from dockyard.server.api.problem import CrossOriginError, RequestInvalidError, problem
from dockyard.server.api.visit import Visit

_LONGEST_BODY = 256 << 10
_LONGEST_QUERY = 8 << 10
_SAFE = ("GET", "HEAD", "OPTIONS")
_SLASH = re.compile(rb"%2f", re.IGNORECASE)


def door(parts: Parts, inside: Application) -> Application:
    """The application `inside`, each request of which has its `Visit` in the scope's state."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(parts.registry, parts.ways, scope, receive, send)
        try:
            visit = await _visit(parts, call)
            body = await call.body(_LONGEST_BODY) if call.scope["method"] not in ("GET", "HEAD") else b""
            if b"\\u0000" in body:
                raise RequestInvalidError("the body has a zero byte")
        except Error as error:
            await _refuse(call, *problem(error))
            return
        CALLER.set(replace(visit.by.caller, address=call.address))
        state = {**scope.get("state", {}), "visit": visit}
        ended = asyncio.Event()
        await inside({**scope, "path": _path(scope), "state": state}, _given(body, ended), _marked(send, ended))

    return app


async def _visit(parts: Parts, call: Call) -> Visit:
    """Who comes.

    Raises:
        WireError: nobody whom this server knows, or too often.
        CrossOriginError: a browser, sent by another site.
        RequestInvalidError: the query is too long.
        DatabaseError: it cannot be told.
    """
    if len(call.scope.get("query_string", b"")) > _LONGEST_QUERY or b"%00" in call.scope.get("query_string", b""):
        raise RequestInvalidError("the query is too long, or has a zero byte")
    if "\0" in call.scope["path"]:
        raise RequestInvalidError("the path has a zero byte")
    safe = call.scope["method"] in _SAFE
    if not safe:
        _same_site(call)
    header = call.header(b"authorization")
    cookie = "" if header else _cookie(call)
    if cookie:
        found = await asyncio.to_thread(sessions.find, parts.database, cookie)
        if found is not None:
            if not safe and not secret.same(call.header(b"x-csrf-token"), sessions.csrf(cookie)):
                raise CrossOriginError("the request has a session, and not its token")
            parts.keeper.count(found, call.address)
            public = (await asyncio.to_thread(parts.keeper.state)).public
            permit = AccountPass(found, None, public, parts.settings.access.service)
            return Visit(parts, found, permit, call.base, cookie)
    known: Pass | None = parts.keeper.known(header)
    if known is None:
        known = await asyncio.to_thread(parts.keeper.admit, header, call.address, call.base)
    if isinstance(known, AccountPass):
        return Visit(parts, _principal(known), known, call.base)
    _at_home(call)
    return Visit(parts, SYSTEM_PRINCIPAL, known, call.base)


def _principal(permit: AccountPass) -> Principal:
    """The caller; with a token that is good for some repositories only, without any rights besides those."""
    if not permit.narrowed:
        return permit.principal
    return replace(permit.principal, admin=False, memberships={}, permissions=(), actions=frozenset())


def _same_site(call: Call) -> None:
    """Pass unless a browser says that another site's page makes the request.

    Browsers keep Basic credentials, and on this machine may need none at all.
    """
    origin = call.header(b"origin")
    if origin and _host(origin) not in (call.header(b"host"), _host(call.base)):
        raise CrossOriginError(f"the request comes from {origin[:200]}")
    if call.header(b"sec-fetch-site") in ("cross-site", "same-site"):
        raise CrossOriginError("the request comes from another site's page")


def _at_home(call: Call) -> None:
    """Pass if the caller means this machine: as long as nobody has to log in, a name that some page's owner lets lead
    here must not do.
    """
    host = call.header(b"host")
    try:
        name = urlsplit(f"//{host}").hostname if host else "localhost"
    except ValueError:  # half of an IPv6 address
        name = ""
    if not is_local(name or "") and host != _host(call.ways.base):
        raise CrossOriginError(f"the registry has no accounts, and {host[:200]} is no name of this machine")


def _host(url: str) -> str:
    """The host and port of a URL, which may be malformed."""
    return url.partition("://")[2].partition("/")[0]


def _cookie(call: Call) -> str:
    try:
        found = SimpleCookie(call.header(b"cookie")).get(sessions.COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _path(scope: Scope) -> str:
    """The path, in which the slashes of a repository's name are colons: written so, or encoded as %2F."""
    raw = scope.get("raw_path") or b""
    if not _SLASH.search(raw):
        return str(scope["path"])
    return unquote(_SLASH.sub(b":", raw.partition(b"?")[0]).decode("latin-1"))


def _given(body: bytes, ended: asyncio.Event) -> Receive:
    """Gives the body at once, and that the client has gone not before it has the whole answer: who streams one waits
    for that, and would break off.
    """
    left = [body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    return receive


def _marked(send: Send, ended: asyncio.Event) -> Send:
    """Answers that no browser guesses the type of, and no proxy keeps."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            more = [(b"x-content-type-options", b"nosniff")]
            if b"cache-control" not in names:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            ended.set()

    return marked


async def _refuse(call: Call, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    await call.reply(status, body, headers)
