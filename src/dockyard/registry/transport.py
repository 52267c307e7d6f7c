"""HTTP to one registry host: pooled, retried, with tokens fetched when the host asks for them."""

import base64
import json
import threading
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode, urljoin, urlsplit

from dockyard._internal import redact
from dockyard._internal.limits import read_bounded
from dockyard._internal.proxy import DIRECT, Proxies
from dockyard._internal.retry import retry
from dockyard.errors import Error, TransientError
from dockyard.registry.credentials import Credential
from dockyard.registry.protocol import challenge, codes
from dockyard.registry.wire.answer import Answer
from dockyard.registry.wire.line import Line, ProxyRefusedError
from dockyard.registry.wire.line import RegistryUnreachableError as RegistryUnreachableError  # noqa: PLC0414
from dockyard.registry.wire.pool import Body, Pool

_REDIRECTS = {301, 302, 303, 307, 308}
_BODY = 4 << 20
_LONGEST_WAIT = 30.0
_HINTS = {
    403: "It knows who asks and says no, for the reason above; an account that may do more: dockyard login REGISTRY"
}


class RegistryFaultError(TransientError):
    """A registry answered with a fault of its own (HTTP 5xx) or asks for patience (429), also after several tries."""

    reference = "registry-fault"
    hint = "Wait a little and run the same command again; what was transferred is not sent twice."


class RegistryDeniedError(Error):
    """A registry refuses: the credentials are missing or wrong, or they do not allow this (HTTP 401 or 403)."""

    reference = "registry-denied"
    hint = "Log in with an account that may do this: dockyard login REGISTRY"


class RegistryRefusedError(Error):
    """A registry refused a request for a reason that it names, such as a tag that must not change."""

    reference = "registry-refused"


class Transport:
    """Requests to `base`, such as `https://registry.example`. May be used from several threads.

    Args:
        base: scheme, host and port.
        credential: for the host, if there is one.
        verify: False leaves TLS certificates unchecked.
        ca: a file of further authorities.
        proxies: which servers are reached by way of which proxy.
    """

    def __init__(
        self,
        base: str,
        credential: Credential | None,
        *,
        verify: bool = True,
        ca: str = "",
        proxies: Proxies = DIRECT,
    ) -> None:
        self.base = base
        self._credential = credential
        self._pool = Pool(verify=verify, ca=ca, proxies=proxies)
        self._lock, self._asking = threading.Lock(), threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._basic = False
        self._challenge = ""

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        expected: Iterable[int] = (200,),
        tries: int = 4,
    ) -> Answer:
        """Send a request and return its answer, whose body is not yet read.

        Args:
            method: the HTTP method.
            path: below `base`, or a whole URL that the registry gave.
            scope: what a token must allow, such as `repository:name:pull`; several with spaces between.
            headers: further headers.
            body: bytes, or a stream of them with its Content-Length among the headers; that is sent once only.
            expected: statuses to return; others become errors, but 404, which is returned too.
            tries: how often faults are tried again.

        Raises:
            RegistryUnreachableError, RegistryFaultError: after `tries`.
            RegistryDeniedError, RegistryRefusedError: the registry says no.
        """
        url = _joined(self.base + "/", path)
        once = body is not None and not isinstance(body, bytes)

        def attempt() -> Answer:
            return self._once(method, url, scope, dict(headers or {}), body, set(expected) | {404})

        if not once:
            return retry(attempt, tries=tries)
        if self._challenge and not self._authorization(scope):
            with self._asking:  # a stream cannot be sent again with a token
                self._authorise(self._challenge, scope)
        return attempt()

    def _once(
        self, method: str, url: str, scope: str, headers: dict[str, str], body: bytes | Body | None, expected: set[int]
    ) -> Answer:
        authorised = False
        for _ in range(8):
            sent = dict(headers)
            if urlsplit(url).netloc == urlsplit(self.base).netloc:
                sent.update(self._authorization(scope))
            response = self._pool.request(method, url, headers=sent, body=body)
            if response.status == 401 and not authorised:
                authorised = True
                self._read(response)
                with self._asking:  # one token for all who wait for it: each costs the registry a check of a password
                    if self._authorization(scope).get("Authorization") in (None, sent.get("Authorization")):
                        self._challenge = response.headers.get("WWW-Authenticate")
                        self._authorise(self._challenge, scope)
                continue
            if response.status in _REDIRECTS and response.headers.get("Location") and response.status not in expected:
                self._read(response)
                # Another host gets no authorization: `sent` is made anew for each hop.
                url = _joined(url, response.headers["Location"])
                continue
            return self._checked(method, url, response, expected)
        raise RegistryRefusedError(f"{redact.url(url)} redirects without end", context={"url": redact.url(url)})

    def _checked(self, method: str, url: str, response: Answer, expected: set[int]) -> Answer:
        if response.status in expected:
            return response
        raw = self._read(response)
        said = codes.messages(raw) or f"HTTP status {response.status}"
        context = {"request": f"{method} {redact.url(url)}", "status": response.status}
        if response.status in (401, 403):
            raise RegistryDeniedError(
                f"the registry refuses: {said}", context=context, hint=_HINTS.get(response.status)
            )
        if response.status == 429 or response.status >= 500:
            time.sleep(_patience(response.headers.get("Retry-After")))
            raise RegistryFaultError(f"the registry has a fault: {said}", context=context)
        raise RegistryRefusedError(f"the registry refuses: {said}", context=context)

    @staticmethod
    def _read(response: Answer) -> bytes:
        try:
            return read_bounded(response, _BODY, "an answer")
        except Error:
            response.close()  # an endless answer is not read to its end
            return b""

    def _authorization(self, scope: str) -> dict[str, str]:
        if self._basic and self._credential is not None:
            pair = f"{self._credential.user}:{self._credential.secret}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        with self._lock:
            token, expires = self._tokens.get(scope, ("", 0.0))
        return {"Authorization": f"Bearer {token}"} if token and time.monotonic() < expires else {}

    def _authorise(self, header: str, scope: str) -> None:
        asked = challenge.parse(header)
        if asked.scheme == "basic":
            if self._credential is None:
                raise RegistryDeniedError(f"{self.base} asks for a login", context={"registry": self.base})
            self._basic = True
        elif asked.scheme == "bearer" and "realm" in asked.parameters:
            token, seconds = self._token(asked.parameters, scope)
            with self._lock:
                self._tokens[scope] = (token, time.monotonic() + seconds)
        else:
            raise RegistryDeniedError(f"{self.base} asks for a login of an unknown kind: {header[:80]!r}")

    def _token(self, asked: Mapping[str, str], scope: str) -> tuple[str, float]:
        realm = asked["realm"]
        if not realm.startswith(("http://", "https://")):
            raise RegistryDeniedError(f"the registry names a strange place for tokens: {realm[:80]!r}")
        words = {"service": asked.get("service", ""), "scope": scope or asked.get("scope", ""), "client_id": "dockyard"}
        words = {key: value for key, value in words.items() if value}
        credential, headers = self._credential, {}
        if credential is not None and not credential.user:
            form = {**words, "grant_type": "refresh_token", "refresh_token": credential.secret}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            response = self._pool.request("POST", realm, body=urlencode(form).encode(), headers=headers)
        else:
            if credential is not None:
                words["account"] = credential.user
                pair = f"{credential.user}:{credential.secret}".encode()
                headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            asking = [
                (key, each) for key, value in words.items() for each in (value.split() if key == "scope" else [value])
            ]
            where = realm + ("&" if "?" in realm else "?") + urlencode(asking)
            response = self._pool.request("GET", where, headers=headers)
        raw = self._read(response)
        if response.status != 200:
            raise RegistryDeniedError(
                f"no token for {scope or 'this'}: {codes.messages(raw) or response.status}", context={"realm": realm}
            )
        try:
            document = json.loads(raw)
            token = str(document.get("token") or document["access_token"])
            seconds = float(document.get("expires_in") or 60)
            if not (token.isascii() and token.isprintable()):
                raise ValueError("no token has such characters")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryRefusedError("the registry's answer to the request for a token is malformed") from error
        # A little less than it says, so that a token does not end on its way.
        return token, max(5.0, seconds * 0.9)


def _joined(base: str, location: str) -> str:
    """The URL that `location` means, seen from `base`; a registry may have said it.

    Raises:
        RegistryRefusedError: it is none.
    """
    try:
        return urljoin(base, location)
    except ValueError as error:
        raise RegistryRefusedError(f"the registry leads to what is no address: {location[:80]!r}") from error


def speaks_tls(host: str, proxies: Proxies) -> bool:
    """Whether anything at `host[:port]` answers to HTTPS, whatever its certificate is; for insecure registries only."""
    import ssl

    url = f"https://{host}"
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        Line(parts.hostname or "", parts.port or 443, context, proxies.to(url)).close()
    except (RegistryUnreachableError, ProxyRefusedError):  # a proxy may allow port 443 only, and plain HTTP to all
        return False
    return True


def _patience(header: str) -> float:
    if not header:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        seconds = float(header) if header.isdigit() else parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, TypeError):
        return 0.0
    return min(max(0.0, seconds), _LONGEST_WAIT)
