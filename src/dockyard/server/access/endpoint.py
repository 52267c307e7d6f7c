"""`/token`: where clients get bearer tokens (distribution's token and OAuth 2 specifications, RFC 8693 for keyless)."""

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from dockyard.errors import Error
from dockyard.registry.app.call import Application, Call, Receive, Scope, Send, Ways
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes
from dockyard.server.access import keyless, reading, refresh, scope, secret, tokens
from dockyard.server.access.guard import Doorkeeper, too_many
from dockyard.server.access.issuers import IdTokenInvalidError, Issuers, IssuerUnreachableError
from dockyard.server.access.login import Login, LoginRefusedError, TooManyTriesError
from dockyard.server.access.principal import ANONYMOUS_PROOF, Principal, Proof
from dockyard.server.access.tokens import Shown

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKENS = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (a type, not a token)
_BODY = 64 << 10
_LOG = logging.getLogger("dockyard.access")


class _RequestError(Exception):
    def __init__(self, status: int, error: str, why: str) -> None:
        super().__init__(why)
        self.status, self.error = status, error


def token_endpoint(registry: Registry, ways: Ways, keeper: Doorkeeper, login: Login, issuers: Issuers) -> Application:
    """The application for `/token`."""

    async def app(place: Scope, receive: Receive, send: Send) -> None:
        call = Call(registry, ways, place, receive, send)
        try:
            form = await _form(call)
            CALLER.set(Caller("", "anonymous", call.address))
            document = await asyncio.to_thread(_answer, call, form, keeper, login, issuers)
        except TooManyTriesError as error:
            refusal = too_many(error.seconds)
            await call.refuse(refusal.code, refusal.detail, refusal.headers)
        except LoginRefusedError:
            await _refuse(call, 401, "invalid_grant", "authentication required")
        except _RequestError as refused:
            await _refuse(call, refused.status, refused.error, str(refused))
        except WireError as unreadable:
            await _refuse(call, unreadable.code.status, "invalid_request", unreadable.detail or unreadable.code.meaning)
        except IssuerUnreachableError as error:
            await _refuse(call, 503, "temporarily_unavailable", error.message)
        except Exception as error:  # noqa: BLE001 (no request may end without an answer)
            if not isinstance(error, Error):
                _LOG.exception("a request for a token failed")
            await call.refuse(codes.UNAVAILABLE, "", {"retry-after": "5"})
        else:
            await call.document(document, {"content-type": "application/json", "cache-control": "no-store"})

    return app


async def _form(call: Call) -> dict[str, list[str]] | None:
    method = call.scope["method"]
    if method == "GET":
        return None
    if method != "POST":
        raise _RequestError(405, "invalid_request", "use GET or POST")
    body = await call.body(_BODY)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise _RequestError(400, "invalid_request", "the request cannot be read") from None


def _answer(
    call: Call, form: dict[str, list[str]] | None, keeper: Doorkeeper, login: Login, issuers: Issuers
) -> dict[str, Any]:
    if form is None:
        return _get(call, keeper, login)
    kind = _one(form, "grant_type")
    offline = _one(form, "access_type") == "offline"
    wanted = form.get("scope", [])
    client = _one(form, "client_id")
    if kind == "password":
        shown = login.basic(_one(form, "username"), _one(form, "password"), call.address)
        return _document(keeper, login, shown, wanted, client, offline=offline)
    if kind == "refresh_token":
        value = _one(form, "refresh_token")
        guess = not secret.formed(value)
        if guess:
            login.patient("", call.address)
        proof = refresh.use(login.database, value, login.settings.refresh_lifetime) if value else None
        if proof is None:
            if guess:
                login.failed("", call.address)
            raise LoginRefusedError("no such refresh token")
        document = _document(keeper, login, Shown(proof, None, 0), wanted, client, offline=False)
        return document | {"refresh_token": value}
    if kind == EXCHANGE:
        return _exchange(call, form, keeper, login, issuers)
    raise _RequestError(400, "unsupported_grant_type", f"not a grant type: {kind[:60]!r}")


def _get(call: Call, keeper: Doorkeeper, login: Login) -> dict[str, Any]:
    header = call.header(b"authorization")
    shown = keeper.shown(header, call.address) if header else Shown(ANONYMOUS_PROOF, None, 0)
    offline = call.query("offline_token").lower() in ("true", "1")
    wanted = call.parameters.get("scope", [])
    # A secret that was looked at a while ago is good for a whole token; one of our own tokens only until its end.
    if shown.ceiling is None and shown.proof.kind != "keyless":
        shown = shown._replace(expires=0)
    return _document(keeper, login, shown, wanted, call.query("client_id"), offline=offline)


def _exchange(
    call: Call, form: dict[str, list[str]], keeper: Doorkeeper, login: Login, issuers: Issuers
) -> dict[str, Any]:
    if (_one(form, "subject_token_type") or _ID_TOKENS[0]) not in _ID_TOKENS:
        raise _RequestError(400, "invalid_request", "the subject token must be an ID token")
    try:
        proof, seconds = keyless.exchange(login.database, issuers, _one(form, "subject_token"), call.address)
    except IdTokenInvalidError as error:
        # Nobody guesses a signature, and a job that is set up wrong must not lock out those behind the same address.
        raise _RequestError(401, "invalid_grant", str(error)) from error
    wanted = form.get("scope")
    return _document(keeper, login, Shown(proof, None, 0), wanted, "", offline=False, seconds=seconds) | {
        "issued_token_type": _ACCESS_TOKEN,
        "token_type": "Bearer",
    }


def _document(
    keeper: Doorkeeper,
    login: Login,
    shown: Shown,
    wanted: list[str] | None,
    client: str,
    *,
    offline: bool,
    seconds: int = 0,
) -> dict[str, Any]:
    """The answer: a token for the part of `wanted` that is allowed, or for all that its owner may do (None)."""
    who = _principal(login, shown.proof)
    try:
        scopes = scope.parse(wanted) if wanted is not None else None
    except ValueError as error:
        raise _RequestError(400, "invalid_scope", str(error)) from error
    public = keeper.state().public
    ceiling = None if scopes is None else scope.granted(who, scopes, public, shown.ceiling)
    settings = login.settings
    until = shown.expires if shown.expires not in (0, float("inf")) else 0
    issued = tokens.issue(login.keys, settings.service, who, ceiling, seconds or settings.token_lifetime, until)
    document: dict[str, Any] = {
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.seconds,
        "issued_at": datetime.fromtimestamp(issued.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if ceiling is not None:
        document["scope"] = " ".join(_text(name, actions) for name, actions in ceiling.items())
    # Only a lasting secret may become another lasting one.
    if offline and shown.ceiling is None and who.proof.kind in ("account", "robot", "personal"):
        document["refresh_token"] = refresh.make(login.database, who.proof, who.name, client, settings.refresh_lifetime)
    return document


def _principal(login: Login, proof: Proof) -> Principal:
    with login.database.read() as connection:
        who = reading.principal(connection, proof)
    if who is None:
        raise LoginRefusedError("the account is no longer there, or has changed")
    return who


def _text(name: str, actions: frozenset[str]) -> str:
    prefix = "" if name == tokens.CATALOG else "repository:"
    return f"{prefix}{name}:{','.join(sorted(actions))}"


def _one(form: dict[str, list[str]], name: str) -> str:
    found = form.get(name)
    return found[0] if found else ""


async def _refuse(call: Call, status: int, error: str, why: str) -> None:
    """An error as both the registry's clients and OAuth's read it."""
    name = {401: "UNAUTHORIZED", 503: "UNAVAILABLE"}.get(status, "UNSUPPORTED")
    body = {"errors": [{"code": name, "message": why}], "error": error, "error_description": why}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="registry"'
    await call.reply(status, json.dumps(body).encode(), headers)
