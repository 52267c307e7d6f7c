"""Uploads over HTTP: whole, in chunks, or streamed (distribution-spec end-4, end-5, end-6, end-11, end-13, end-14)."""

import asyncio
import contextlib
import re

from dockyard.errors import DiskFullError, Error
from dockyard.oci.digest import Digest
from dockyard.registry.app.call import Call
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes, request

_CONTENT_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")
_ALGORITHMS = ("sha256", "sha384", "sha512")


async def begin(call: Call, target: request.Target) -> None:
    """POST: mount a blob, take it whole, or begin an upload."""
    name = target.name
    mount = call.query("mount")
    if mount:
        wanted = Digest.parse(mount)
        if await asyncio.to_thread(_mount, call, name, wanted, call.query("from")):
            return await _created(call, name, wanted)
    algorithm = call.query("digest-algorithm") or "sha256"
    if algorithm not in _ALGORITHMS:
        raise WireError(codes.DIGEST_INVALID, f"unknown algorithm {algorithm[:40]!r}")
    whole = call.query("digest")
    if not whole:
        upload = await asyncio.to_thread(call.registry.begin, name, algorithm)
        return await _accepted(call, name, upload, 0)
    wanted = Digest.parse(whole)
    upload = await asyncio.to_thread(call.registry.begin, name, wanted.algorithm)
    try:
        await _body(call, name, upload)
    except Exception:
        await _forget(call, name, upload)  # nobody knows its number, so nobody goes on with it
        raise
    await asyncio.to_thread(call.registry.finish, name, upload, wanted)
    await _created(call, name, wanted)


async def patch(call: Call, target: request.Target) -> None:
    """PATCH: the next chunk, or a stream."""
    received = await _append(call, target)
    await _accepted(call, target.name, target.item, received)


async def put(call: Call, target: request.Target) -> None:
    """PUT: the last bytes, if there are any, and the digest of all."""
    wanted = Digest.parse(call.query("digest"))
    await _append(call, target)
    await asyncio.to_thread(call.registry.finish, target.name, target.item, wanted)
    await _created(call, target.name, wanted)


async def state(call: Call, target: request.Target) -> None:
    """GET: how much has arrived."""
    received = await asyncio.to_thread(call.registry.received, target.name, target.item)
    await _accepted(call, target.name, target.item, received, status=204)


async def cancel(call: Call, target: request.Target) -> None:
    """DELETE."""
    await asyncio.to_thread(call.registry.cancel, target.name, target.item)
    await call.reply(204)


def _mount(call: Call, name: str, wanted: Digest, source: str) -> bool:
    """Mount from a repository that the caller may pull from, and from no other."""
    assert call.permit is not None
    sources = [source] if source else call.registry.holders(wanted)
    return any(
        request.name_valid(each) and call.permit.allows(each, "pull") and call.registry.mount(name, wanted, each)
        for each in sources
    )


async def _append(call: Call, target: request.Target) -> int:
    name, upload = target.name, target.item
    have = await asyncio.to_thread(call.registry.received, name, upload)
    text = call.header(b"content-range").removeprefix("bytes ").partition("/")[0]
    length = call.header(b"content-length")
    most = None
    if text:
        match = _CONTENT_RANGE.fullmatch(text)
        if match is None or int(match[1]) != have or int(match[2]) < have:
            raise WireError(codes.RANGE_INVALID, f"{have} bytes have arrived", _place(call, name, upload, have))
        most = int(match[2]) - have + 1
        if length.isdigit() and most != int(length):
            raise WireError(codes.SIZE_DIFFERS, "the range and the length disagree")
    elif length == "0":
        return have
    return have + await _body(call, name, upload, most)


async def _body(call: Call, name: str, upload: str, most: int | None = None) -> int:
    """Take the body; where the client goes away, what came of it counts. `most`: what its range promises."""
    left = most

    def take(data: bytes) -> None:
        nonlocal left
        if left is not None:
            left -= len(data)
            if left < 0:
                raise WireError(codes.SIZE_DIFFERS, "the body has more bytes than its range")
        call.registry.append(name, upload, data)

    try:
        try:
            received = await call.pieces(take)
        finally:
            await asyncio.to_thread(call.registry.append, name, upload, b"")
    except DiskFullError:
        # Most clients begin anew, and what had come would keep the disk full.
        await _forget(call, name, upload)
        raise
    if left:
        raise WireError(codes.SIZE_DIFFERS, "the body has fewer bytes than its range")
    return received


async def _forget(call: Call, name: str, upload: str) -> None:
    with contextlib.suppress(Error):
        await asyncio.to_thread(call.registry.cancel, name, upload)


def _place(call: Call, name: str, upload: str, received: int) -> dict[str, str]:
    return {
        "location": call.path(f"/v2/{name}/blobs/uploads/{upload}"),
        "docker-upload-uuid": upload,
        "range": f"0-{max(0, received - 1)}",
    }


async def _accepted(call: Call, name: str, upload: str, received: int, status: int = 202) -> None:
    await call.reply(status, b"", _place(call, name, upload, received))


async def _created(call: Call, name: str, found: Digest) -> None:
    location = call.path(request.blob_path(name, found))
    await call.reply(201, b"", {"location": location, "docker-content-digest": str(found)})
