"""The pages as an ASGI application: from a request to its page, with who asks, and from what went wrong to a page."""

import asyncio
import dataclasses
import logging
import secrets
from dataclasses import replace
from urllib.parse import quote, unquote

from dockyard.errors import Error
from dockyard.registry.app.call import Application, Call, Receive, Scope, Send
from dockyard.registry.caller import ANONYMOUS, CALLER, Caller
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.access import sessions
from dockyard.server.access.guard import AccountPass
from dockyard.server.access.oidc_endpoint import cookie, sent_cookie
from dockyard.server.access.principal import ANONYMOUS_PRINCIPAL, SYSTEM_PRINCIPAL, AccessDeniedError
from dockyard.server.access.state import State
from dockyard.server.web import form
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.assets import Assets
from dockyard.server.web.desk import Desk
from dockyard.server.web.rendering import Rendering
from dockyard.server.web.routes import find
from dockyard.server.web.trouble import ForeignHostError, NotAllowedMethodError, PageUnknownError, status
from dockyard.server.web.visit import Visit

_LOG = logging.getLogger("dockyard.pages")
_FORM_COOKIE = "dockyard-form"
_NOTICE = "dockyard-notice"
_NOTICE_MOST = 300
_HERE = ("localhost", "127.0.0.1", "[::1]")
# Everything comes from this server, nothing is inline, nobody may frame it, forms go nowhere else.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def site(desk: Desk) -> Application:
    """The application for all addresses that nothing else answers."""
    assets = Assets.load()
    rendering = Rendering(desk, assets)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(desk.registry, desk.ways, scope, receive, send)
        asset = assets.at(scope["path"])
        if asset is not None:
            await call.reply(200, asset.body, asset.headers)
            return
        CALLER.set(replace(ANONYMOUS, address=call.address))
        fields: dict[str, list[str]] = {}
        trouble: Error | None = None
        try:
            if scope["method"] == "POST":
                fields = await form.read(call)
        except Error as error:
            trouble = error
        reply = await asyncio.to_thread(_answered, desk, rendering, call, fields, trouble)
        CALLER.set(reply.caller)  # what was set in the thread is not known here, where requests are logged
        await _send(call, reply)

    return app


@dataclasses.dataclass
class _Reply:
    status: int
    body: bytes
    headers: dict[str, str]
    cookies: list[bytes]
    caller: Caller = ANONYMOUS


def _answered(
    desk: Desk, rendering: Rendering, call: Call, fields: dict[str, list[str]], trouble: Error | None
) -> _Reply:
    cookies: list[bytes] = []
    visit = Visit(desk, call, ANONYMOUS_PRINCIPAL, frozenset(), form=fields)
    try:
        _who(visit, cookies)
        answer = _decided(visit, trouble)
    except Error as error:
        answer = _trouble(visit, error)
    except Exception:  # noqa: BLE001 (no request may end without an answer)
        _LOG.exception("a page failed")
        failure = Error("the page failed", hint="The server's log says why; try again, or tell its admin.")
        answer = Page("error.html", {"error": failure}, 500)
    try:
        return replace(_rendered(rendering, visit, answer, cookies), caller=CALLER.get())
    except Exception:  # noqa: BLE001 (nor may one whose page cannot be made)
        _LOG.exception("a page could not be made")
        return _Reply(500, b"the page failed", {**_HEADERS, "content-type": "text/plain"}, [])


def _who(visit: Visit, cookies: list[bytes]) -> None:
    """Find out who asks, what the forms' secret is, and the notice to show."""
    desk, call = visit.desk, visit.call
    state = desk.doors.keeper.state()
    visit.public = state.public
    value = sent_cookie(call, sessions.COOKIE)
    found = sessions.find(desk.database, value) if value else None
    if found is not None:
        visit.who, visit.session, visit.secret = found, value, value
        CALLER.set(replace(found.caller, address=call.address))
        desk.doors.keeper.count(found, call.address)
    else:
        if _open(visit, state):
            visit.who, visit.open = SYSTEM_PRINCIPAL, True
        else:
            desk.doors.keeper.count(visit.who, call.address)
        CALLER.set(replace(visit.who.caller, address=call.address))
        visit.secret = sent_cookie(call, _FORM_COOKIE)
        if not visit.secret:
            visit.secret = secrets.token_urlsafe(24)
            cookies.append(cookie(call, _FORM_COOKIE, visit.secret, sessions.LIFETIME_S))
    notice = sent_cookie(call, _NOTICE)
    if notice and call.scope["method"] == "GET":
        visit.notice = unquote(notice)[:_NOTICE_MOST]
        cookies.append(cookie(call, _NOTICE, "", 0))


def _open(visit: Visit, state: State) -> bool:
    """Whether everybody may do everything: there are no accounts, and only this machine reaches the server.

    Another site's name may be made to lead here (DNS rebinding), so the browser must think that it speaks to this
    machine.
    """
    if state.accounts:
        return False
    permit = visit.desk.doors.keeper.admit("", visit.call.address, visit.call.base)
    if isinstance(permit, AccountPass):
        return False
    host = visit.call.header(b"host")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if name.lower() not in _HERE and not visit.desk.ways.base:
        raise ForeignHostError(f"without accounts this registry answers to localhost only, not to {name[:100]!r}")
    return True


def _decided(visit: Visit, trouble: Error | None) -> Answer:
    method, path = visit.call.scope["method"], visit.call.scope["path"]
    if method not in ("GET", "HEAD", "POST"):
        raise NotAllowedMethodError(f"pages are not asked with {method[:20]}")
    found = find(path)
    if found is None or "\0" in path:
        raise PageUnknownError(f"there is no page {path[:200]!r}")
    view, visit.places = found
    if method != "POST":
        return view.show(visit)
    if trouble is not None:
        raise trouble
    form.demand(visit.call, visit.secret, visit.text("csrf", 200))
    return _acted(visit, view)


def _acted(visit: Visit, view: View) -> Answer:
    """Do what a form asks for; where it is refused, show its page again and say why."""
    action = view.actions.get(visit.text("do", 50))
    if action is None:
        raise PageUnknownError("the page has no such form")
    try:
        return action(visit)
    except Error as error:
        if isinstance(error, AccessDeniedError) or status(error) >= 500:
            raise
        visit.problem = error
        shown = view.show(visit)
        if not isinstance(shown, Page) or shown.status != 200:
            return shown
        # As programs are told it: when to come again.
        wait = {"retry-after": str(error.context["seconds"])} if "seconds" in error.context else {}
        return replace(shown, status=status(error), words={**shown.words, "headers": wait})


def _trouble(visit: Visit, error: Error) -> Answer:
    asked = visit.call.scope["method"] != "POST"
    if isinstance(error, AccessDeniedError) and visit.anonymous and asked:
        path = visit.call.scope["path"]
        return Moved("/login" + (f"?back={quote(path)}" if path != "/" else ""))
    headers = error.headers if isinstance(error, WireError) and error.code is codes.TOO_MANY_REQUESTS else {}
    return Page("error.html", {"error": error, "headers": headers}, status(error))


def _rendered(rendering: Rendering, visit: Visit, answer: Answer, cookies: list[bytes]) -> _Reply:
    headers = {**_HEADERS, "cache-control": "no-store"}
    call = visit.call
    if isinstance(answer, Moved):
        headers["location"] = call.path(quote(answer.path, safe="/?=&%:@+~-._#"))
        for name, value, seconds in answer.cookies:
            cookies.append(cookie(call, name, value, seconds))
        if answer.notice:
            cookies.append(cookie(call, _NOTICE, quote(answer.notice[:_NOTICE_MOST], safe=""), 60))
        return _Reply(303, b"", headers, cookies)
    if isinstance(answer, Page):
        headers |= {"content-type": "text/html; charset=utf-8", **answer.words.get("headers", {})}
        return _Reply(answer.status, rendering.page(visit, answer), headers, cookies)
    headers["content-type"] = answer.media_type
    name = "".join(each if each.isalnum() or each in "._-" else "-" for each in answer.name)
    headers["content-disposition"] = f'attachment; filename="{name}"'
    return _Reply(200, answer.body, headers, cookies)


async def _send(call: Call, reply: _Reply) -> None:
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    pairs.append((b"content-length", str(len(reply.body)).encode()))
    await call.start(reply.status, [*pairs, *((b"set-cookie", each) for each in reply.cookies)])
    await call.send({"type": "http.response.body", "body": b"" if call.head else reply.body})
