"""Proxies for what is fetched and sent: which one a URL goes by, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.

They are read as Go's programs read them, Docker and skopeo among them: the same setting has to do for all.
"""

import base64
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from dockyard._internal import redact
from dockyard._internal.host import written
from dockyard.errors import UsageError

if TYPE_CHECKING:
    import ipaddress

    import urllib3

    _IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}


class ProxyInvalidError(UsageError):
    """HTTP_PROXY or HTTPS_PROXY names no proxy that can be used: it is no URL, or not one of http or https."""

    reference = "proxy-invalid"
    hint = "Write it like http://proxy.example:3128, with user:password@ before the host where it asks for a login."


class Proxy(msgspec.Struct, frozen=True):
    """A proxy. `str()` shows it without its password.

    Attributes:
        secure: whether it is spoken to over TLS.
        authorization: the value of Proxy-Authorization; empty where it wants none.
    """

    host: str
    port: int
    secure: bool = False
    authorization: str = ""

    def connect(self, host: str, port: int) -> bytes:
        """The request that has the proxy connect to a host (RFC 9110 §9.3.6).

        Raises:
            UnicodeError: no host has such a name.
        """
        place = f"{written(host)}:{port}"
        asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
        asked += f"Proxy-Authorization: {self.authorization}\r\n" if self.authorization else ""
        return f"{asked}\r\n".encode("latin-1")

    def __repr__(self) -> str:
        return f"Proxy({self})"  # without its password, here too

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host  # as it was given, whether or not it is a name
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


class Proxies(msgspec.Struct, frozen=True):
    """The proxy for each scheme, and who is reached without one."""

    by_scheme: Mapping[str, str] = {}
    without: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Proxies(without={self.without})"  # not the URLs, which may hold passwords

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Proxies":
        """What the variables say. They are judged when one is needed, so that a wrong one stops nobody without need."""

        def value(name: str) -> str:
            return environment.get(name) or environment.get(name.lower(), "")

        # Where this runs as CGI, HTTP_PROXY is a header of whoever asks (httpoxy.org).
        http = environment.get("http_proxy", "") if "REQUEST_METHOD" in environment else value("HTTP_PROXY")
        found = {"http": http.strip(), "https": value("HTTPS_PROXY").strip()}
        without = tuple(each for part in value("NO_PROXY").split(",") if (each := part.strip().lower()))
        return cls({scheme: url for scheme, url in found.items() if url}, without)

    @classmethod
    def here(cls) -> "Proxies":
        """What this process's environment says: for what no command hands them to."""
        return cls.of(os.environ)

    def to(self, url: str) -> Proxy | None:
        """The proxy for `url`; None where it is reached without one, as this machine always is.

        Raises:
            ProxyInvalidError: the variable for its scheme names none.
        """
        if not self.by_scheme:
            return None
        parts = urlsplit(url)
        named = self.by_scheme.get(parts.scheme)
        if not named or not parts.hostname:
            return None
        port = parts.port or _PORTS[parts.scheme]
        return None if self._spared(parts.hostname.rstrip("."), port) else _parsed(named, parts.scheme)

    def pool(self, url: str, **options: Any) -> "urllib3.PoolManager":
        """urllib3's pool of connections for `url`.

        Raises:
            ProxyInvalidError: as `to`.
        """
        import urllib3

        proxy = self.to(url)
        if proxy is None:
            return urllib3.PoolManager(**options)
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
        return urllib3.ProxyManager(str(proxy), proxy_headers=headers, **options)

    def _spared(self, host: str, port: int) -> bool:
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(_covers(each, host, port, address) for each in self.without)


DIRECT = Proxies()
"""No proxies."""


def _address(host: str) -> "_IP | None":
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _covers(rule: str, host: str, port: int, address: "_IP | None") -> bool:
    """Whether an entry of NO_PROXY means the host: `*`, a network, an address, a domain; with a port only that one."""
    if rule == "*":
        return True
    if address is not None and "/" in rule:
        import ipaddress

        try:
            return address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, colon, digits = rule.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        rule = name
    rule = rule.strip("[]")
    if address is not None:
        return _address(rule) == address
    rule = rule.removeprefix("*")
    return host.endswith(rule) if rule.startswith(".") else host == rule or host.endswith(f".{rule}")


def _parsed(text: str, scheme: str) -> Proxy:
    variable = f"{scheme.upper()}_PROXY"
    whole = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ProxyInvalidError(f"{variable} is no URL: {error}") from error
    if parts.scheme not in _PORTS or not host:
        raise ProxyInvalidError(f"{variable} names no proxy that is spoken to by HTTP: {redact.url(whole)}")
    authorization = ""
    if "@" in parts.netloc:
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Proxy(host, port or _PORTS[parts.scheme], parts.scheme == "https", authorization)
