"""Lists over HTTP: tags, referrers, repositories (distribution-spec end-8, end-12; `_catalog` is distribution's)."""

import asyncio
from urllib.parse import quote

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_INDEX
from dockyard.registry.app.call import Call
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes, request

_MOST = 10_000
_MOST_REFERRERS = 1_000


async def tags(call: Call, target: request.Target) -> None:
    """GET tags/list."""
    count = _count(call)
    page = await asyncio.to_thread(call.registry.tags, target.name, last=call.query("last"), count=count)
    path = f"/v2/{target.name}/tags/list"
    headers = _next(call, path, count, page.items[-1]) if page.more and page.items else {}
    await call.document({"name": target.name, "tags": list(page.items)}, headers)


async def catalog(call: Call, target: request.Target) -> None:
    """GET _catalog: the repositories that the caller may pull from."""
    count, last = _count(call), call.query("last")
    permit = call.permit
    assert permit is not None
    found: list[str] = []
    more = count > 0
    while more and len(found) <= count:
        page = await asyncio.to_thread(call.registry.repositories, last=last, count=min(count + 1, _MOST))
        found += [each for each in page.items if permit.allows(each, "list")]
        more = page.more
        last = page.items[-1] if page.items else last
    rest = len(found) > count or more
    found = found[:count]
    headers = _next(call, "/v2/_catalog", count, found[-1]) if rest and found else {}
    await call.document({"repositories": found}, headers)


async def referrers(call: Call, target: request.Target) -> None:
    """GET referrers."""
    subject, kind = Digest.parse(target.item), call.query("artifactType")
    count = min(_count(call), _MOST_REFERRERS)
    page = await asyncio.to_thread(
        call.registry.referrers, target.name, subject, artifact_type=kind, last=call.query("last"), count=count
    )
    headers = {"content-type": OCI_INDEX}
    if kind:
        headers["oci-filters-applied"] = "artifactType"
    if page.more and page.items:
        further = f"&artifactType={quote(kind, safe='')}" if kind else ""
        path = f"/v2/{target.name}/referrers/{subject}"
        headers |= _next(call, path, count, str(page.items[-1].digest), further)
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item.to_json() for item in page.items]}
    await call.document(document, headers)


def _count(call: Call) -> int:
    text = call.query("n")
    if not text:
        return _MOST
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise WireError(codes.PAGE_INVALID, f"n is {text[:40]!r}")
    return min(int(text), _MOST)


def _next(call: Call, path: str, count: int, last: str, further: str = "") -> dict[str, str]:
    return {"link": f'<{call.path(path)}?n={count}&last={quote(last, safe="")}{further}>; rel="next"'}
