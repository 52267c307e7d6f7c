"""How a receiver is reached: directly or by way of a proxy, and only at addresses that are allowed.

The address that was looked at is the one that is used, so a name that changes its mind gains nothing. A proxy is
therefore told an address and not a name; only hosts that the settings name may be looked up by the proxy itself.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from dockyard._internal.host import written
from dockyard._internal.proxy import Proxies, Proxy
from dockyard._internal.secure import secured
from dockyard.server.webhooks.settings import Webhooks

_HEAD_BYTES = 16 << 10


class RefusedAddress(ValueError):  # noqa: N818 (told in the log of deliveries, never raised further)
    """The receiver may not be sent anything."""


class Way(NamedTuple):
    """A connection, and the proxy that still has to be told by each request where it goes; None for no such proxy."""

    sock: Any
    by: Proxy | None = None


def reach(
    scheme: str, host: str, port: int, settings: Webhooks, deadline: float, watch: Callable[[socket.socket], None]
) -> Way:
    """Connect to a receiver; TLS with it is left to the caller.

    Args:
        scheme: `http` or `https`.
        host: of the receiver.
        port: of the receiver.
        settings: say which receivers are allowed.
        deadline: when to give up, in the time of `time.monotonic`.
        watch: gets the socket as soon as it is connected, and from then on has to close it.

    Raises:
        RefusedAddress: the receiver is not allowed.
        ProxyInvalidError: HTTP_PROXY or HTTPS_PROXY names no proxy.
        OSError: there is no way to it.
    """
    named = host.lower() in {each.lower() for each in settings.hosts}
    if settings.hosts and not named:
        raise RefusedAddress(f"{host} is not among the hosts that the settings allow")
    shown = f"[{host}]" if ":" in host else host
    by = Proxies.here().to(f"{scheme}://{shown}:{port}")
    if by is None:
        return Way(_first(_places(host, port, settings), host, deadline, watch))
    trusted = named or settings.private_addresses
    try:
        address = str(_places(host, port, settings)[0][4][0])
    except OSError as error:
        if not trusted:
            raise RefusedAddress(
                f"{host} cannot be looked up here, so it may be anywhere; "
                "name it in `hosts` under [webhooks] to leave that to the proxy"
            ) from error
    else:
        host = host if trusted else address
    sock = _proxy(by, deadline, watch)
    if trusted and scheme == "http":
        return Way(sock, by)
    try:
        _tunnel(sock, host, port, by)
    except BaseException:
        sock.close()  # the TLS over what `watch` closes
        raise
    return Way(sock)


def public(address: str) -> bool:
    """Whether an IP address is one of the public Internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _places(host: str, port: int, settings: Webhooks) -> list[Any]:
    """The addresses of `host`, all of which are allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if not settings.private_addresses and not public(str(place[0])):
            raise RefusedAddress(f"{host} is at {place[0]}, which is not a public address")
    return found


def _first(places: list[Any], host: str, deadline: float, watch: Callable[[socket.socket], None]) -> socket.socket:
    """A socket to the first of the addresses that answers."""
    failed = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in places:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            sock.connect(place)
        except OSError as error:
            sock.close()
            failed = error
        else:
            watch(sock)
            return sock
    raise failed


def _proxy(by: Proxy, deadline: float, watch: Callable[[socket.socket], None]) -> Any:
    try:
        sock = _first(socket.getaddrinfo(by.host, by.port, type=socket.SOCK_STREAM), by.host, deadline, watch)
        return secured(sock, ssl.create_default_context(), by.host) if by.secure else sock
    except OSError as error:
        raise OSError(f"the proxy {by} cannot be reached: {error.strerror or error}") from error


def _tunnel(sock: Any, host: str, port: int, by: Proxy) -> None:
    """Have the proxy connect to the receiver."""
    sock.sendall(by.connect(host, port))
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) > _HEAD_BYTES:
            raise OSError(f"the proxy {by} does not answer as one")
        head += byte
    line = head.partition(b"\r\n")[0].decode("latin-1")
    version, _, said = line.partition(" ")
    if not version.startswith("HTTP/1.") or not said[:1].isdigit():
        raise OSError(f"the proxy {by} does not answer as one")
    if not said.startswith("2"):
        raise OSError(f"the proxy {by} does not connect to {written(host)}:{port}: {said[:100]}")
