"""What reverse proxies say of a request in X-Forwarded headers, and of whom that is believed."""

import ipaddress
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from dockyard.errors import UsageError

_MOST_KNOWN = 4096


class Forwarded:
    """Says whom to believe, and by that where requests come from.

    Args:
        trusted: whether everybody is believed, which is for servers that only a proxy can reach; or the networks and
            addresses of the proxies that are.

    Raises:
        UsageError: one of them is no network.
    """

    def __init__(self, trusted: bool | Sequence[str] = False) -> None:
        self._all = trusted is True
        self._networks = [_network(each) for each in trusted] if not isinstance(trusted, bool) else []
        self._nobody = not (self._all or self._networks)
        self._one_of_ours = lru_cache(_MOST_KNOWN)(self._ours)

    def believes(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether the headers of a request were set by a proxy that is trusted."""
        return self._all or (not self._nobody and self._one_of_ours(_peer(scope)))

    def address(self, scope: MutableMapping[str, Any]) -> str:
        """Where a request comes from: its peer, or the last one that a chain of trusted proxies does not belong to."""
        peer = _peer(scope)
        if self._nobody or not self.believes(scope):
            return peer
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        named = [each.strip() for each in said.decode("latin-1").split(",") if each.strip()]
        strangers = (each for each in reversed(named) if self._all or not self._one_of_ours(each))
        return next(strangers, named[0] if named else peer)

    def _ours(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in each for each in self._networks)


def _peer(scope: MutableMapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise UsageError(
            f"not a network: {text[:80]!r}: {error}",
            hint="Write those of the proxies in [proxy] trusted like 10.0.0.0/8.",
        ) from None
