"""Login through an OpenID Connect provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636).

The state, the nonce and the verifier of a login under way wait in the database, so that another replica may finish it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from sqlalchemy import Connection, delete, select

from dockyard.errors import Error
from dockyard.server.access.issuers import IdTokenInvalidError, Issuers, audience_of, issuer_url
from dockyard.server.access.ldap import secret_of
from dockyard.server.access.outsider import Outsider, welcome
from dockyard.server.access.principal import Proof
from dockyard.server.access.secret import hashed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.accounts import PENDING_LOGIN
from dockyard.server.settings import Oidc

_PATIENCE_MS = 10 * 60_000
_MOST_PENDING = 10_000


class OidcLoginError(Error):
    """A login through the identity provider did not come to its end."""

    reference = "oidc-login"
    hint = "Begin again at /login/oidc. If it happens every time, compare [oidc] in registry.toml with the provider."


class Begun(NamedTuple):
    """A login under way: where to send the browser, and the state that it must bring back."""

    url: str
    state: str


class Finished(NamedTuple):
    """A login that succeeded: the account, its name, and the path where the browser wanted to go."""

    proof: Proof
    name: str
    back: str


def begin(database: Database, settings: Oidc, issuers: Issuers, redirect: str, back: str) -> Begun:
    """Begin a login.

    Args:
        database: keeps what is needed to finish it.
        settings: of the provider.
        issuers: to ask.
        redirect: the URL of `/login/oidc/callback` as the browser sees it.
        back: the path where the browser wants to go; another site's is taken for `/`.

    Raises:
        IssuerInvalidError, IssuerUnreachableError: the provider cannot be reached.
        OidcLoginError: too many logins are under way.
    """
    place = issuer_url(str(issuers.discover(settings.issuer).get("authorization_endpoint") or ""))
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    at = now()

    def work(connection: Connection) -> None:
        connection.execute(delete(PENDING_LOGIN).where(PENDING_LOGIN.c.expires_at <= at))
        waiting = connection.execute(select(PENDING_LOGIN.c.hash).limit(_MOST_PENDING)).all()
        if len(waiting) >= _MOST_PENDING:
            raise OidcLoginError("too many logins are under way")
        row = {"hash": hashed(state), "verifier": verifier, "nonce": nonce, "back": _inside(back)}
        connection.execute(PENDING_LOGIN.insert().values({**row, "expires_at": at + _PATIENCE_MS}))

    database.write(work)
    words = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect,
        "scope": " ".join(settings.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return Begun(place + ("&" if "?" in place else "?") + urlencode(words), state)


def finish(
    database: Database, settings: Oidc, issuers: Issuers, redirect: str, code: str, state: str, expected: str
) -> Finished:
    """Finish a login with what the browser brought back. A state is good for one try.

    Args:
        database: has what `begin` kept.
        settings: of the provider.
        issuers: to ask.
        redirect: as in `begin`.
        code: from the provider.
        state: from the provider.
        expected: the state that this browser was sent away with (its cookie).

    Raises:
        OidcLoginError: it was not begun by this browser, is too old, or the provider's token is not genuine.
        OnboardingRefusedError: the person may not have an account.
        IssuerInvalidError, IssuerUnreachableError: the provider cannot be reached.
    """
    if not state or not hmac.compare_digest(state.encode(), expected.encode()):
        raise OidcLoginError("this browser did not begin that login")
    kept = hashed(state)

    def work(connection: Connection) -> Any:
        row = connection.execute(select(PENDING_LOGIN).where(PENDING_LOGIN.c.hash == kept)).first()
        connection.execute(delete(PENDING_LOGIN).where(PENDING_LOGIN.c.hash == kept))
        return row

    row = database.write(work)
    if row is None or row.expires_at <= now():
        raise OidcLoginError("the login took too long, or was finished already")
    claims = _claims(settings, issuers, redirect, code, row.verifier)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), row.nonce.encode()):
        raise OidcLoginError("the provider's token belongs to another login")
    proof, name = welcome(database, person(settings, claims), onboard=settings.onboard)
    return Finished(proof, name, row.back)


def person(settings: Oidc, claims: Mapping[str, Any]) -> Outsider:
    """Who the claims are about.

    Raises:
        OidcLoginError: they do not say.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise OidcLoginError("the provider does not say who that is")
    # An address that the provider has not checked may be anybody's.
    email = str(claims.get("email") or "") if claims.get("email_verified") is not False else ""
    called = str(claims.get(settings.name_claim) or email or subject)
    groups: tuple[str, ...] | None = None
    if settings.groups_claim:
        found = claims.get(settings.groups_claim)
        items = found if isinstance(found, list) else [found] if isinstance(found, str) else []
        groups = tuple(each for each in items[:1000] if isinstance(each, str) and each)
    admin = settings.admin_group in groups if groups is not None and settings.admin_group else None
    return Outsider("oidc", f"{settings.issuer}#{subject}", called, email, groups, admin)


def _claims(settings: Oidc, issuers: Issuers, redirect: str, code: str, verifier: str) -> dict[str, Any]:
    place = str(issuers.discover(settings.issuer).get("token_endpoint") or "")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    headers = {}
    secret = secret_of(settings.client_secret, settings.client_secret_file)
    if secret:
        pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}".encode()
        headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    else:
        form["client_id"] = settings.client_id
    answer = issuers.post(place, form, headers)
    try:
        claims = issuers.claims(settings.issuer, str(answer.get("id_token") or ""))
    except IdTokenInvalidError as error:
        raise OidcLoginError(str(error)) from error
    audience = audience_of(claims)
    if settings.client_id not in audience or (len(audience) > 1 and claims.get("azp") != settings.client_id):
        raise OidcLoginError("the provider's token is for another client")
    return claims


def _inside(back: str) -> str:
    """A path of this server: what begins with two slashes, or with a slash and a backslash, is another site."""
    clean = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable() and len(back) <= 500
    return back if clean else "/"
