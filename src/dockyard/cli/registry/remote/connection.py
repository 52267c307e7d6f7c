"""A connection to the management API of a registry."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from dockyard._internal.proxy import Proxies
from dockyard.cli.registry_client import credentials, settings
from dockyard.errors import Error, TransientError, UsageError
from dockyard.registry.local import is_local
from dockyard.registry.settings import RegistrySettings

_MOST = 64 << 20
_ROOT = "/api/v1"


class RemoteRefusedError(Error):
    """A registry's management API refused what was asked of it; the message and hint are the registry's."""

    reference = "api-refused"
    hint = "Log in with an account that may do this: dockyard login SERVER"


class RemoteUnreachableError(TransientError):
    """A registry's management API did not answer, or not as one."""

    reference = "api-unreachable"
    hint = "Is the server's name right, and does a Dockyard registry of this version run there?"


class Remote:
    """The management API at `server`: a host, with port where it has one, or a URL; with the credentials that
    `dockyard login` keeps for it.

    Raises:
        UsageError: that is no server.
        CredentialsInvalidError, SettingsInvalidError: the user's files cannot be read.
    """

    def __init__(self, server: str) -> None:
        import urllib3

        try:
            host = urlsplit(server if "://" in server else f"//{server}").netloc
        except ValueError:  # half of an IPv6 address
            host = ""
        if not host or "@" in host:
            raise UsageError(f"not a server: {server!r}", hint="Write it like registry.example.org:5000.")
        written = settings()
        known = written.registries.get(host, RegistrySettings()) if written else RegistrySettings()
        plain = is_local(host) or known.insecure
        if server.startswith("http://") and not plain:
            raise UsageError(f"{host} over plain HTTP", hint="Take https://, or set insecure for it in config.toml.")
        self._base = (server if "://" in server else f"{'http' if plain else 'https'}://{server}").rstrip("/")
        trust: dict[str, Any] = {"ca_certs": known.ca} if known.ca else {}
        if known.insecure:
            trust["cert_reqs"] = "CERT_NONE"
        patience = urllib3.Timeout(connect=10, read=60)
        self._pool = Proxies.here().pool(self._base, retries=False, timeout=patience, **trust)
        self._headers = {"accept": "application/json", **self._login(host)}

    @property
    def database(self) -> "Remote":
        """Itself: what the server's modules ask the database, this one asks the API."""
        return self

    @property
    def seal(self) -> "Remote":
        """Itself: the server seals what it keeps."""
        return self

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """The lines of a text that the API answers, however long it is, as they come.

        Raises:
            RemoteRefusedError, RemoteUnreachableError: as `ask`.
        """
        import urllib3

        words = _words(query)
        try:
            answer = self._pool.request(
                "GET", f"{self._base}/api/v1{path}{words}", headers=self._headers, redirect=False, preload_content=False
            )
            if answer.status >= 400:
                self._read(answer.status, answer.read(_MOST))
            rest = b""
            for piece in answer.stream(1 << 16):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (each.decode() + "\n" for each in whole)
            if rest:
                raise RemoteUnreachableError(f"{self._base} broke off")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RemoteUnreachableError(f"{self._base} does not answer: {_reason(error)}") from error

    def ask(self, method: str, path: str, document: Any = None, **query: Any) -> Any:
        """The document that the API answers; None where it answers without one.

        Raises:
            RemoteRefusedError: the API said no.
            RemoteUnreachableError: it said nothing that can be understood.
        """
        return self._ask(method, f"/api/v1{path}", document, query)[0]

    def every(self, path: str, **query: Any) -> list[Any]:
        """All items of a list, page by page, however many there are.

        Raises:
            RemoteRefusedError, RemoteUnreachableError: as `ask`; or its pages lead in a circle, or out of the API.
        """
        found, link = self._ask("GET", f"/api/v1{path}", None, {"count": 1000, **query})
        items, seen = list(found), set[str]()
        while link:
            # The server may be behind a path of its own, which the link has or has not.
            _, root, rest = link.partition(">")[0].partition(_ROOT)
            if not root or rest in seen:
                raise RemoteUnreachableError(f"{self._base} named a next page that is none: {link[:200]!r}")
            seen.add(rest)
            found, link = self._ask("GET", root + rest, None, {})
            items += found
        return items

    def _ask(self, method: str, path: str, document: Any, query: dict[str, Any]) -> tuple[Any, str]:
        body, headers = None, dict(self._headers)
        if document is not None:
            body, headers["content-type"] = json.dumps(document).encode(), "application/json"
        status, raw, link = self._send(method, f"{self._base}{path}{_words(query)}", body, headers)
        return self._read(status, raw), link

    def _read(self, status: int, raw: bytes) -> Any:
        try:
            answer: Any = json.loads(raw) if raw else None
            if status < 400:
                return answer
            said = answer["error"]
            context = {"server": self._base, "status": status, "reference": said["reference"], **said["context"]}
            message, hint = str(said["message"]), str(said["hint"]) or None
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteUnreachableError(f"{self._base} answered {status}, and not as a registry's API") from error
        if status in (429, 503):
            raise RemoteUnreachableError(message, context=context, hint=hint)
        raise RemoteRefusedError(message, context=context, hint=None if status in (401, 403) else hint)

    def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes, str]:
        import urllib3

        try:
            answer = self._pool.request(method, url, body=body, headers=headers, redirect=False, preload_content=False)
            try:
                raw = answer.read(_MOST + 1)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RemoteUnreachableError(f"{self._base} does not answer: {_reason(error)}") from error
        if len(raw) > _MOST:
            raise RemoteUnreachableError(f"{self._base} answered with more than {_MOST} bytes")
        return answer.status, raw, answer.headers.get("link", "")

    def _login(self, host: str) -> dict[str, str]:
        import urllib3

        found = credentials().get(host)
        if found is None:
            return {}
        if found.user:
            return dict(urllib3.make_headers(basic_auth=f"{found.user}:{found.secret}"))
        form = urlencode({"grant_type": "refresh_token", "refresh_token": found.secret, "service": host})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, raw, _ = self._send("POST", f"{self._base}/token", form.encode(), headers)
        try:
            return {"authorization": f"Bearer {json.loads(raw)['access_token']}"}
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteRefusedError(f"{self._base} gave no token: {status}") from error


@contextlib.contextmanager
def connected(server: str) -> "Iterator[Remote]":
    """A connection for the verbs of one command."""
    yield Remote(server)


def _words(query: dict[str, Any]) -> str:
    text = urlencode({key: value for key, value in query.items() if value not in ("", 0, None)})
    return f"?{text}" if text else ""


def part(text: str) -> str:
    """A name as a part of a path."""
    return quote(text, safe="")


def _reason(error: Exception) -> str:
    """Why a request failed, without the names of the HTTP library's own objects."""
    cause = error.args[-1] if error.args else error
    return str(getattr(cause, "reason", None) or cause).split(": ", 1)[-1][:300]
