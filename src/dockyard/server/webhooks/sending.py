"""One request to a receiver: bounded in time and size, never redirected, only to addresses that are allowed."""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from dockyard.server.webhooks.settings import Webhooks

_ANSWER_BYTES = 1024


@dataclass(frozen=True)
class Outcome:
    """What came of a try: the status and first bytes of the answer, or why there is none."""

    status: int | None
    answer: str
    error: str
    milliseconds: int

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300


def send(url: str, headers: Mapping[str, str], body: bytes, settings: Webhooks, *, verify: bool = True) -> Outcome:
    """POST `body` to `url`. Never raises for what the network or the receiver does."""
    begun = time.monotonic()
    status: int | None = None
    answer = error = ""
    try:
        status, answer = _post(url, headers, body, settings, verify, begun + settings.timeout)
        if not 200 <= status < 300:
            error = "a redirect, which is not followed" if 300 <= status < 400 else f"HTTP status {status}"
    except (OSError, http.client.HTTPException, ValueError) as failed:
        late = time.monotonic() - begun >= settings.timeout
        error = f"no whole answer within {settings.timeout:g} s" if late else _said(failed)
    return Outcome(status, answer, error, int((time.monotonic() - begun) * 1000))


class _RefusedAddress(ValueError):  # noqa: N818 (never leaves this file)
    pass


def _post(
    url: str, headers: Mapping[str, str], body: bytes, settings: Webhooks, verify: bool, deadline: float
) -> tuple[int, str]:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    sock = _connected(host, port, settings, deadline)
    # A receiver that sends a byte now and then resets every timeout of a socket: the end comes from outside.
    handle = sock.dup()
    timer = threading.Timer(max(0.01, deadline - time.monotonic()), _cut, (handle,))
    timer.daemon = True
    timer.start()
    try:
        wrapped = sock
        if secure:
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            wrapped = context.wrap_socket(sock, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = wrapped
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            sent = {"Host": parts.netloc.rpartition("@")[2], **headers, "Connection": "close"}
            connection.request("POST", target, body, sent)
            response = connection.getresponse()
            return response.status, response.read(_ANSWER_BYTES).decode("utf-8", "replace")
        finally:
            connection.close()
    finally:
        timer.cancel()
        handle.close()
        sock.close()


def _connected(host: str, port: int, settings: Webhooks, deadline: float) -> socket.socket:
    """A socket to the first address of `host` that answers. The address that was looked at is the one that is used, so
    a name that changes its mind gains nothing.
    """
    if settings.hosts and host.lower() not in {each.lower() for each in settings.hosts}:
        raise _RefusedAddress(f"{host} is not among the hosts that the settings allow")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if not settings.private_addresses and not public(str(place[0])):
            raise _RefusedAddress(f"{host} is at {place[0]}, which is not a public address")
    failed: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in found:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            sock.connect(place)
        except OSError as error:
            sock.close()
            failed = error
        else:
            return sock
    raise failed


def public(address: str) -> bool:
    """Whether an IP address is one of the public Internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:500]
