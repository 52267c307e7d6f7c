"""Manifests over HTTP (distribution-spec end-2, end-3, end-7, end-9)."""

import asyncio

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.registry.app.call import Call, warned
from dockyard.registry.app.quick import manifest_headers
from dockyard.registry.interface import ABSENT, WireError
from dockyard.registry.protocol import codes, request

_MOST_TAGS = 64


async def get(call: Call, target: request.Target) -> None:
    """GET and HEAD.

    The gate holds for HEAD and for conditions as well: clients that have the image already fetch nothing more. Who may
    push is told that nothing is there: most clients ask that before they put a better image in its place, and with any
    other answer would not; some ask with the same rights before they pull.

    Raises:
        WireError: MANIFEST_UNKNOWN; DENIED or UNAUTHORIZED, where the gate denies it.
    """
    stored = call.registry.cached(target.name, target.item)
    if stored is None:
        stored = await asyncio.to_thread(call.registry.manifest, target.name, target.item)
    pairs = manifest_headers(stored)
    gate = call.ways.gate
    if gate is not None and not gate.passes(target.name, stored):
        try:
            warnings = await asyncio.to_thread(gate.demand, target.name, target.item, stored)
        except WireError:
            if call.head and call.may_push(target.name):
                raise WireError(codes.MANIFEST_UNKNOWN, target.item) from None
            if call.head and call.permit is not None and not call.header(b"authorization"):
                # Whoever is about to push shows who it is only when it is asked.
                raise call.permit.refusal(target.name, "push", call.base) from None
            raise
        pairs += [(name.encode(), text.encode("latin-1", "replace")) for name, text in warned(warnings).items()]
    if call.fresh(f'"{stored.digest}"'.encode()):
        await call.start(304, pairs)
        return await call.send({"type": "http.response.body", "body": b""})
    pairs.append((b"content-length", str(len(stored.raw)).encode()))
    await call.start(200, pairs)
    await call.send({"type": "http.response.body", "body": b"" if call.head else stored.raw})
    if not call.head:
        call.ways.pulled(target.name, target.item, stored.digest)


async def put(call: Call, target: request.Target) -> None:
    """PUT, with further tags in `tag` parameters, If-Match, and `If-None-Match: *`.

    Raises:
        WireError: SIZE_INVALID over 4 MiB, or too many tags (414); MANIFEST_INVALID and others of the registry's own.
    """
    length = call.header(b"content-length")
    if length.isdigit() and int(length) > MANIFEST_BYTES:
        raise WireError(codes.SIZE_INVALID, f"a manifest has at most {MANIFEST_BYTES} bytes")
    tags = call.parameters.get("tag", [])
    if len(tags) > _MOST_TAGS:
        raise WireError(codes.URI_TOO_LONG, f"at most {_MOST_TAGS} tags at once")
    body = bytearray()

    def take(*data: bytes) -> None:
        for piece in data:
            body.extend(piece)
        if len(body) > MANIFEST_BYTES:
            raise WireError(codes.SIZE_INVALID, f"a manifest has at most {MANIFEST_BYTES} bytes")

    take(*(await call.pieces(take))[1])
    media_type = call.header(b"content-type").partition(";")[0].strip()
    expected = _expected(call)
    if call.header(b"if-none-match").strip() == "*":
        expected = ABSENT
    made = await asyncio.to_thread(
        call.registry.put_manifest, target.name, target.item, bytes(body), media_type, tags, expected
    )
    headers = {
        "location": call.path(request.manifest_path(target.name, made.digest)),
        "docker-content-digest": str(made.digest),
        **warned(made.warnings),
    }
    if made.subject is not None:
        headers["oci-subject"] = str(made.subject)
    if tags:
        headers["oci-tag"] = ", ".join(tags)
    await call.reply(201, b"", headers)


async def delete(call: Call, target: request.Target) -> None:
    """DELETE: a tag, or a manifest with all its tags; only if it is still what If-Match says."""
    await asyncio.to_thread(call.registry.delete_manifest, target.name, target.item, _expected(call))
    await call.reply(202)


def _expected(call: Call) -> str:
    """The digests of If-Match with commas between; empty where there is none."""
    return ",".join(each.strip().strip('"') for each in call.listed(b"if-match").decode("latin-1").split(","))
