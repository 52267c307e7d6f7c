"""One request to a receiver: bounded in time and size, never redirected, only to addresses that are allowed."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from dockyard._internal.proxy import ProxyInvalidError
from dockyard._internal.secure import secured
from dockyard.server.webhooks.reaching import reach
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
        status, answer = _post(url, headers, body, settings, begun + settings.timeout, verify=verify)
        if not 200 <= status < 300:
            error = "a redirect, which is not followed" if 300 <= status < 400 else f"HTTP status {status}"
    except (OSError, http.client.HTTPException, ValueError, ProxyInvalidError) as failed:
        late = time.monotonic() - begun >= settings.timeout
        error = f"no whole answer within {settings.timeout:g} s" if late else _said(failed)
    return Outcome(status, answer, error, int((time.monotonic() - begun) * 1000))


def _post(
    url: str, headers: Mapping[str, str], body: bytes, settings: Webhooks, deadline: float, *, verify: bool
) -> tuple[int, str]:
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    place = parts.netloc.rpartition("@")[2]
    with contextlib.ExitStack() as held:
        sock, by = reach(parts.scheme, host, port, settings, deadline, partial(_watch, held, deadline))
        held.callback(sock.close)
        if secure:
            context = ssl.create_default_context()
            if not verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = secured(sock, context, host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = sock
        held.callback(connection.close)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": place, **headers, "Connection": "close"}
        if by is not None:
            target = f"http://{place}{target}"
            sent |= {"Proxy-Authorization": by.authorization} if by.authorization else {}
        connection.request("POST", target, body, sent)
        response = connection.getresponse()
        if by is not None and response.status == 407:
            raise OSError(f"the proxy {by} asks for a login")
        return response.status, response.read(_ANSWER_BYTES).decode("utf-8", "replace")


def _watch(held: contextlib.ExitStack, deadline: float, sock: socket.socket) -> None:
    """Have a connection end at `deadline`, or with `held`. A receiver that sends a byte now and then resets every
    timeout of a socket: the end comes from outside.
    """
    held.callback(sock.close)
    handle = sock.dup()
    held.callback(handle.close)
    timer = threading.Timer(max(0.01, deadline - time.monotonic()), _cut, (handle,))
    timer.daemon = True
    held.callback(timer.cancel)
    timer.start()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:500]
