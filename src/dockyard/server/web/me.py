"""One's own account: roles, tokens for command lines, the password."""

from dockyard.server.access import personal, users
from dockyard.server.access.login import LoginRefusedError, TooManyTriesError
from dockyard.server.access.principal import AccessDeniedError
from dockyard.server.access.reading import SCOPES
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.trouble import LoginNeededError, LoginWaitError
from dockyard.server.web.visit import Visit


def _show(visit: Visit, made: str = "", secret: str = "") -> Answer:
    if not visit.who.account:
        raise AccessDeniedError("nobody is logged in, so there is no account to show")
    database, name = visit.desk.database, visit.who.name
    words = {
        "user": users.get(database, visit.who, name),
        "tokens": personal.listing(database, visit.who, name),
        "scopes": tuple(SCOPES),
        "made": made,
        "secret": secret,
    }
    return Page("me.html", words)


def _add(visit: Visit) -> Answer:
    token, secret = personal.add(
        visit.desk.database,
        visit.who,
        visit.who.name,
        visit.text("name", 200),
        scope=visit.text("scope"),
        expires_at=visit.day("expires"),
    )
    return _show(visit, token.name, secret)


def _remove(visit: Visit) -> Answer:
    name = visit.text("name", 200)
    personal.remove(visit.desk.database, visit.who, visit.who.name, name)
    return Moved("/me", f"Token {name} is no longer good.")


def _password(visit: Visit) -> Answer:
    """Another password, for whoever knows the one before: an open browser is not enough."""
    name = visit.who.name
    try:
        shown = visit.desk.doors.login.basic(name, visit.secret_text("old"), visit.call.address)
    except TooManyTriesError as error:
        raise LoginWaitError(f"too many wrong passwords; try again in {error.seconds} seconds") from error
    except LoginRefusedError as error:
        raise LoginNeededError("the password so far is another one") from error
    if shown.proof.kind != "account" or shown.proof.id != visit.who.account:
        raise LoginNeededError("the password so far is another one")
    users.change(visit.desk.database, visit.who, name, password=visit.secret_text("new"))
    return Moved("/login", "Your password is changed. Log in with the new one.")


VIEW = View(_show, {"add": _add, "remove": _remove, "password": _password})
