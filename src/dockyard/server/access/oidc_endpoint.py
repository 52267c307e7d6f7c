"""`/login/oidc` and `/login/oidc/callback`: the two requests that a browser makes of this server to log in."""

import asyncio
import json
import logging
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from dockyard.errors import Error
from dockyard.registry.app.call import Application, Call, Receive, Scope, Send, Ways
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.interface import Registry
from dockyard.server.access import oidc, sessions
from dockyard.server.access.issuers import Issuers
from dockyard.server.database import Database
from dockyard.server.settings import Oidc

PATH = "/login/oidc"
CALLBACK = "/login/oidc/callback"
_STATE = "dockyard-login"
TROUBLE = "dockyard-refused"
"""The cookie that tells the page for logging in why that did not work elsewhere."""
_LONGEST = 300
_LOG = logging.getLogger("dockyard.access")


def oidc_endpoint(registry: Registry, ways: Ways, database: Database, settings: Oidc, issuers: Issuers) -> Application:
    """The application for both paths."""

    async def app(place: Scope, receive: Receive, send: Send) -> None:
        call = Call(registry, ways, place, receive, send)
        CALLER.set(Caller("", "anonymous", call.address))
        try:
            if not settings.issuer or place["path"] not in (PATH, CALLBACK):
                await _say(call, 404, "there is no login through another system here")
            elif place["method"] != "GET":
                await _say(call, 405, "use GET")
            elif place["path"] == PATH:
                await _begin(call, database, settings, issuers)
            else:
                await _finish(call, database, settings, issuers)
        except Error as error:
            await _say(call, 503 if error.exit_code == 3 else 403, error.message)
        except Exception:  # noqa: BLE001 (no request may end without an answer)
            _LOG.exception("a login failed")
            await _say(call, 500, "the login failed")

    return app


async def _begin(call: Call, database: Database, settings: Oidc, issuers: Issuers) -> None:
    begun = await asyncio.to_thread(
        oidc.begin, database, settings, issuers, call.base + CALLBACK, call.query("back") or "/"
    )
    await _send(call, begun.url, [cookie(call, _STATE, begun.state, 600)])


async def _finish(call: Call, database: Database, settings: Oidc, issuers: Issuers) -> None:
    if call.query("error"):
        await _say(call, 403, f"the provider says: {call.query('error')[:200]}")
        return
    done = await asyncio.to_thread(
        oidc.finish,
        database,
        settings,
        issuers,
        call.base + CALLBACK,
        call.query("code"),
        call.query("state"),
        sent_cookie(call, _STATE),
    )
    value = await asyncio.to_thread(sessions.begin, database, done.proof, done.name, call.address)
    await _send(
        call,
        call.path(done.back),
        [cookie(call, sessions.COOKIE, value, sessions.LIFETIME_S), cookie(call, _STATE, "", 0)],
    )


def cookie(call: Call, name: str, value: str, seconds: int) -> bytes:
    """The header for a cookie that scripts cannot read and other sites' forms do not send."""
    secure = "; Secure" if call.base.startswith("https:") else ""
    path = call.path("/")
    return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}".encode()


def sent_cookie(call: Call, name: str) -> str:
    """A cookie that the browser sent; empty where it is not there."""
    try:
        found = SimpleCookie(call.header(b"cookie")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _send(call: Call, url: str, cookies: list[bytes]) -> None:
    pairs = [
        (b"location", url.encode("latin-1", "replace")),
        (b"cache-control", b"no-store"),
        (b"content-length", b"0"),
    ]
    await call.start(303, [*pairs, *((b"set-cookie", each) for each in cookies)])
    await call.send({"type": "http.response.body", "body": b""})


async def _say(call: Call, status: int, why: str) -> None:
    """Tell why there is no login: programs in JSON, people on the page that they began from."""
    if call.started:
        return
    if status != 405 and "text/html" in call.header(b"accept"):
        await _send(call, call.path("/login"), [cookie(call, TROUBLE, quote(why[:_LONGEST], safe=""), 30)])
    else:
        body = json.dumps({"errors": [{"code": "DENIED", "message": why}]}).encode()
        await call.reply(status, body, {"content-type": "application/json", "cache-control": "no-store"})
