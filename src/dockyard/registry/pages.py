"""Lists that a registry gives page by page: tags, referrers, the catalog (distribution-spec 1.1)."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from dockyard._internal.limits import MANIFEST_BYTES, read_bounded
from dockyard.registry.transport import RegistryRefusedError, Transport

_MOST_PAGES = 10_000
_MOST_BYTES = 256 << 20


def pages(transport: Transport, path: str, *, scope: str, what: str) -> Iterator[bytes | None]:
    """The bytes of each page, beginning with that at `path`; None where the registry has no such list.

    Args:
        transport: to the registry.
        path: of the first page.
        scope: what a token must allow.
        what: the list, as errors name it.

    Raises:
        RegistryRefusedError: the list has no end, or a page leads to no address.
        TooLargeError: a page is far too large.
    """
    size = 0
    for _ in range(_MOST_PAGES):
        response = transport.request("GET", path, scope=scope)
        raw = read_bounded(response, MANIFEST_BYTES, what)
        response.drain()
        size += len(raw)
        if size > _MOST_BYTES:
            break
        yield None if response.status == 404 else raw
        path = "" if response.status == 404 else _next(response.headers.get("Link", ""))
        if not path:
            return
    raise RegistryRefusedError(f"{what} of {transport.base} has no end")


def names(raw: bytes, key: str) -> list[str]:
    """The names under `key` in a page.

    Raises:
        RegistryRefusedError: it is no such page.
    """
    try:
        return [str(each) for each in json.loads(raw).get(key) or []]
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise RegistryRefusedError(f"the registry's list of {key} is malformed") from error


def _next(link: str) -> str:
    """The path of the next page that a Link header names (RFC 8288); empty where there is none."""
    if 'rel="next"' not in link and "rel=next" not in link:
        return ""
    target = link.partition("<")[2].partition(">")[0]
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise RegistryRefusedError(f"the registry names no address for its next page: {target[:80]!r}") from error
    return parts.path + (f"?{parts.query}" if parts.query else "")
