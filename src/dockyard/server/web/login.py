"""Logging in with a name and a password, and out again."""

from urllib.parse import unquote

from dockyard.server.access import sessions
from dockyard.server.access.login import LoginRefusedError, TooManyTriesError
from dockyard.server.access.oidc_endpoint import TROUBLE, sent_cookie
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.trouble import LoginNeededError, LoginWaitError
from dockyard.server.web.visit import Visit


def _show(visit: Visit) -> Answer:
    back = inside(visit.query("back", 1000) or visit.text("back"))
    elsewhere = unquote(sent_cookie(visit.call, TROUBLE))[:300] if visit.problem is None else ""
    return Page("login.html", {"back": back, "ldap": bool(visit.desk.settings.ldap.url), "elsewhere": elsewhere})


def _enter(visit: Visit) -> Answer:
    desk, address = visit.desk, visit.call.address
    name, password = visit.text("name", 300), visit.secret_text("password")
    refused = LoginNeededError("that name with that password is not known here")
    # Tokens may be good for less than their owner is, so none of them becomes a session.
    if not name or not password or password.startswith(("eyJ", "dyp_", "dyr_", "dys_")) or name.startswith("robot+"):
        raise refused
    try:
        shown = desk.doors.login.basic(name, password, address)
    except TooManyTriesError as error:
        said = f"too many wrong passwords; try again in {error.seconds} seconds"
        raise LoginWaitError(said, context={"seconds": error.seconds}) from error
    except LoginRefusedError as error:
        raise refused from error
    if shown.proof.kind != "account" or shown.ceiling is not None:
        raise refused
    value = sessions.begin(desk.database, shown.proof, name, address)
    if visit.session:
        sessions.end(desk.database, visit.session)
    return Moved(inside(visit.text("back")), cookies=((sessions.COOKIE, value, sessions.LIFETIME_S),))


def _leave(visit: Visit) -> Answer:
    if visit.session:
        sessions.end(visit.desk.database, visit.session)
    return Moved("/login", "You are logged out.", ((sessions.COOKIE, "", 0),))


def _nothing(visit: Visit) -> Answer:
    return Moved("/")


def inside(path: str) -> str:
    """The path, if it is one of this server; else the first page. Nobody is sent elsewhere after a login."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if good else "/"


VIEW = View(_show, {"login": _enter})
OUT = View(_nothing, {"logout": _leave})
