"""Other systems' signed statements: OpenID Connect discovery, their keys, and the tokens signed with those."""

import base64
import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dockyard._internal.limits import TooLargeError, read_bounded
from dockyard._internal.proxy import Proxies
from dockyard.errors import TransientError, UsageError
from dockyard.registry.local import is_local
from dockyard.server.access.breaker import PLACES, Breaker

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures with a public key; never a shared secret, never none."""
_BYTES = 1 << 20
_LONGEST_TOKEN = 32 << 10
_KEEP_S = 600.0
_AGAIN_S = 15.0
_LEEWAY_S = 30


class IssuerUnreachableError(TransientError):
    """An identity provider does not answer, or not as OpenID Connect says."""

    reference = "issuer-unreachable"
    hint = "Is the issuer's URL right, and does it serve /.well-known/openid-configuration to this machine?"


class IssuerInvalidError(UsageError):
    """An issuer's URL is not one, or would be fetched without TLS."""

    reference = "issuer-invalid"
    hint = "Write it like https://token.actions.githubusercontent.com, exactly as its tokens have it."


class IdTokenInvalidError(Exception):
    """A token is not signed by its issuer, is for somebody else, or its time is over. Never leaves this folder."""


class _Place:
    """A document of an issuer: fetched by one thread for all that wait for it."""

    def __init__(self, host: str, places: threading.Semaphore) -> None:
        self.breaker = Breaker(IssuerUnreachableError, host, places, together=1)
        self.document: dict[str, Any] | None = None
        self._at = 0.0

    def fresh(self, age: float) -> dict[str, Any] | None:
        """The document, if it is younger than so many seconds."""
        return self.document if time.monotonic() - self._at < age else None

    def keep(self, document: dict[str, Any]) -> None:
        """It was this just now."""
        self.document, self._at = document, time.monotonic()


class Issuers:
    """Fetches and keeps what issuers publish. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.Semaphore(PLACES)
        self._places: dict[str, _Place] = {}

    def discover(self, issuer: str) -> Mapping[str, Any]:
        """The issuer's configuration document.

        Raises:
            IssuerInvalidError, IssuerUnreachableError: it cannot be had.
        """
        document = self._document(issuer_url(issuer).rstrip("/") + "/.well-known/openid-configuration", _KEEP_S)
        if document.get("issuer") != issuer:
            raise IssuerUnreachableError(f"{issuer} says that it is {str(document.get('issuer'))[:200]!r}")
        return document

    def claims(self, issuer: str, token: str, *, algorithms: tuple[str, ...] = ALGORITHMS) -> dict[str, Any]:
        """The claims of a token that `issuer` has signed and whose time is now. For whom it is, is not yet checked.

        Raises:
            IdTokenInvalidError: it has not.
            IssuerInvalidError, IssuerUnreachableError: its keys cannot be had.
        """
        place = str(self.discover(issuer).get("jwks_uri") or "")
        keys = self._document(issuer_url(place), _KEEP_S)
        name = _header(token).get("kid")
        if name and all(each.get("kid") != name for each in _keys(keys)):
            # A key that is new there; strangers must not make this machine fetch without end.
            keys = self._document(place, _AGAIN_S)
        return _verified(keys, token, issuer, algorithms)

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        """The JSON document that a form gets.

        Raises:
            IssuerInvalidError, IssuerUnreachableError: none.
        """
        return self._fetch("POST", issuer_url(url), form, headers)

    def _document(self, url: str, age: float) -> dict[str, Any]:
        with self._lock:
            place = self._places.setdefault(url, _Place(urlsplit(url).netloc, self._room))
        found = place.fresh(age)
        if found is None:
            try:
                with place.breaker.asking():
                    found = place.fresh(age)  # somebody else may have fetched it meanwhile
                    if found is None:
                        found = self._fetch("GET", url)
                        place.keep(found)
            except IssuerUnreachableError:
                found = place.document
                if found is None:
                    raise
                place.keep(found)  # what it said before is better than locking everybody out
        return found

    @staticmethod
    def _fetch(
        method: str, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        import urllib3

        sent = {"accept": "application/json", **(headers or {})}
        body = None
        if form is not None:
            from urllib.parse import urlencode

            body = urlencode(form).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        try:
            with Proxies.here().pool(url, timeout=urllib3.Timeout(5.0), retries=False) as pool:
                response = pool.request(method, url, body=body, headers=sent, redirect=False, preload_content=False)
                try:
                    raw = read_bounded(response, _BYTES, "an issuer's document")
                finally:
                    response.release_conn()
        except (urllib3.exceptions.HTTPError, TooLargeError) as error:
            raise IssuerUnreachableError(f"{urlsplit(url).netloc} does not answer: {str(error)[:200]}") from error
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            document = None
        if response.status != 200 or not isinstance(document, dict):
            said = str(document.get("error", "")) if isinstance(document, dict) else ""
            raise IssuerUnreachableError(f"{urlsplit(url).netloc} answered {response.status} {said[:100]}".strip())
        return document


def issuer_url(url: str) -> str:
    """The URL itself.

    Raises:
        IssuerInvalidError: it is none, or is neither https nor on this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise IssuerInvalidError(f"not an issuer: {url[:100]!r}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or port == 0 or len(url) > 512:
        raise IssuerInvalidError(f"not an issuer: {url[:100]!r}")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise IssuerInvalidError(f"{url[:100]} is not https")
    return url


def issuer_of(token: str) -> str:
    """Who a token says has signed it; not yet believed.

    Raises:
        IdTokenInvalidError: it is no token.
    """
    return str(_part(token, 1).get("iss", ""))[:512]


def _header(token: str) -> dict[str, Any]:
    return _part(token, 0)


def _part(token: str, number: int) -> dict[str, Any]:
    pieces = token.split(".") if len(token) <= _LONGEST_TOKEN else []
    if len(pieces) != 3:
        raise IdTokenInvalidError("not a signed token")
    try:
        document = json.loads(base64.urlsafe_b64decode(pieces[number] + "=" * (-len(pieces[number]) % 4)))
    except (ValueError, RecursionError) as error:
        raise IdTokenInvalidError("not a signed token") from error
    if not isinstance(document, dict):
        raise IdTokenInvalidError("not a signed token")
    return document


def _keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document.get("keys")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _verified(document: Mapping[str, Any], token: str, issuer: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    header = _header(token)
    usable = [each for each in _keys(document) if each.get("kty") in ("RSA", "EC", "OKP")]
    if header.get("kid"):
        usable = [each for each in usable if each.get("kid") == header["kid"]]
    # Without a name the token must fit the only key there is.
    if len(usable) != 1:
        raise IdTokenInvalidError("the token is signed with a key that its issuer does not publish")
    if header.get("alg") not in algorithms:
        raise IdTokenInvalidError("the token is signed in a way that is not accepted")
    try:
        key = KeySet.import_key_set({"keys": usable}).keys[0]
        claims = jwt.decode(token, key, algorithms=list(algorithms)).claims
        at = time.time()
        if claims.get("iss") != issuer:
            raise IdTokenInvalidError("the token is of another issuer")
        if not at < float(claims["exp"]) + _LEEWAY_S:
            raise IdTokenInvalidError("the token's time is over")
        if max(float(claims.get("nbf", 0)), float(claims.get("iat", 0))) - _LEEWAY_S > at:
            raise IdTokenInvalidError("the token's time is yet to come")
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise IdTokenInvalidError(f"the token cannot be verified: {type(error).__name__}") from error
    return dict(claims)


def audience_of(claims: Mapping[str, Any]) -> list[str]:
    """For whom a token is."""
    found = claims.get("aud")
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]
