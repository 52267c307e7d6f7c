"""Uploads over HTTP: whole, in chunks, or streamed (distribution-spec end-4, end-5, end-6, end-11, end-13, end-14)."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from functools import partial

from dockyard.errors import DiskFullError, Error
from dockyard.oci.digest import Digest
from dockyard.registry.app.call import Call
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes, request

_CONTENT_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")
_ALGORITHMS = ("sha256", "sha384", "sha512")


async def begin(call: Call, target: request.Target) -> None:
    """POST: mount a blob, take it whole, or begin an upload.

    Raises:
        WireError: DIGEST_INVALID for an algorithm that is not taken; UNAUTHORIZED where another token of the same
            caller could mount.
    """
    name = target.name
    mount = call.query("mount")
    if mount:
        wanted = Digest.parse(mount)
        _ask_for_more(call, target)
        if await asyncio.to_thread(_mount, call, name, wanted, call.query("from")):
            return await created(call, name, wanted)
    algorithm = call.query("digest-algorithm") or "sha256"
    if algorithm not in _ALGORITHMS:
        raise WireError(codes.DIGEST_INVALID, f"unknown algorithm {algorithm[:40]!r}")
    whole = call.query("digest")
    if not whole:
        upload = await asyncio.to_thread(call.registry.begin, name, algorithm)
        return await accepted(call, name, upload, 0)
    wanted = Digest.parse(whole)
    begun: list[str] = []

    def number() -> str:
        if not begun:
            begun.append(call.registry.begin(name, wanted.algorithm))
        return begun[0]

    try:
        _, last = await call.pieces(lambda *data: call.registry.append(name, number(), *data))
        await asyncio.to_thread(lambda: call.registry.finish(name, number(), wanted, last))
    except Exception:
        if begun:
            await _forget(call, name, begun[0])  # nobody knows its number, so nobody goes on with it
        raise
    await created(call, name, wanted)


async def patch(call: Call, target: request.Target) -> None:
    """PATCH: the next chunk, or a stream."""
    name, upload = target.name, target.item
    have = await asyncio.to_thread(call.registry.received, name, upload)
    taken, last = await _body(call, target, _fits(call, target, have))
    await _ended(call, target, partial(call.registry.append, name, upload, *last, b""))
    await accepted(call, name, upload, have + taken + sum(map(len, last)))


async def put(call: Call, target: request.Target) -> None:
    """PUT: the last bytes, if there are any, and the digest of all."""
    wanted = Digest.parse(call.query("digest"))
    most = None
    if b"content-range" in call.headers:
        most = _fits(call, target, await asyncio.to_thread(call.registry.received, target.name, target.item))
    _, last = await _body(call, target, most)
    await _ended(call, target, partial(call.registry.finish, target.name, target.item, wanted, last))
    await created(call, target.name, wanted)


async def state(call: Call, target: request.Target) -> None:
    """GET: how much has arrived."""
    received = await asyncio.to_thread(call.registry.received, target.name, target.item)
    await accepted(call, target.name, target.item, received, status=204)


async def cancel(call: Call, target: request.Target) -> None:
    """DELETE."""
    await asyncio.to_thread(call.registry.cancel, target.name, target.item)
    await call.reply(204)


def source(call: Call, target: request.Target) -> str:
    """The repository that a request wants to mount from; empty where it names none."""
    found = call.query("from") if target.kind == "uploads" and call.query("mount") else ""
    return found if request.name_valid(found) else ""


def _ask_for_more(call: Call, target: request.Target) -> None:
    """Where only the client's token is too narrow for the mount, say which one it needs: most ask for what the
    challenge names, which is less than an upload of what is here already.
    """
    wanted = source(call, target)
    if wanted and call.permit is not None and not call.permit.allows(wanted, "pull"):
        refusal = call.permit.refusal(target.name, "push", call.base, wanted)
        if isinstance(refusal, WireError) and refusal.code is codes.UNAUTHORIZED:
            raise refusal


def _mount(call: Call, name: str, wanted: Digest, source: str) -> bool:
    """Mount from a repository that the caller may pull from, and from no other."""
    assert call.permit is not None
    sources = [source] if source else call.registry.holders(wanted)
    return any(
        request.name_valid(each) and call.permit.allows(each, "pull") and call.registry.mount(name, wanted, each)
        for each in sources
    )


def _fits(call: Call, target: request.Target, have: int) -> int | None:
    """How many bytes a chunk, where this is one, promises; it has to begin where the upload ends."""
    text = call.header(b"content-range").removeprefix("bytes ").partition("/")[0]
    if not text:
        return None
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None or int(match[1]) != have or int(match[2]) < have:
        place = _place(call, target.name, target.item, have)
        raise WireError(codes.RANGE_INVALID, f"{have} bytes have arrived", place)
    most, length = int(match[2]) - have + 1, call.header(b"content-length")
    if length.isdigit() and most != int(length):
        raise WireError(codes.SIZE_DIFFERS, "the range and the length disagree")
    return most


async def _body(call: Call, target: request.Target, most: int | None = None) -> tuple[int, list[bytes]]:
    """Take the body but for its end; where the client goes away, what came of it counts. `most`: what its range
    promises.
    """
    if call.header(b"content-length") == "0":
        return 0, []
    name, upload, left = target.name, target.item, most

    def take(*data: bytes) -> None:
        nonlocal left
        if left is not None:
            left -= sum(map(len, data))
            if left < 0:
                raise WireError(codes.SIZE_DIFFERS, "the body has more bytes than its range")
        call.registry.append(name, upload, *data)

    try:
        taken, last = await call.pieces(take)
        if left is not None and left != sum(map(len, last)):
            await asyncio.to_thread(take, *last)
            raise WireError(codes.SIZE_DIFFERS, "the body has fewer bytes than its range")
    except DiskFullError:
        await _forget(call, name, upload)
        raise
    except BaseException:
        await asyncio.to_thread(call.registry.append, name, upload, b"")
        raise
    return taken, last


async def _ended(call: Call, target: request.Target, what: Callable[[], None]) -> None:
    """Do `what` with the end of a body. Where the disk is full, most clients begin anew, and what had come would keep
    it full.
    """
    try:
        await asyncio.to_thread(what)
    except DiskFullError:
        await _forget(call, target.name, target.item)
        raise


async def _forget(call: Call, name: str, upload: str) -> None:
    with contextlib.suppress(Error):  # sweeping removes what is left
        await asyncio.to_thread(call.registry.cancel, name, upload)


def _place(call: Call, name: str, upload: str, received: int) -> dict[str, str]:
    return {
        "location": call.path(f"/v2/{name}/blobs/uploads/{upload}"),
        "docker-upload-uuid": upload,
        "range": f"0-{max(0, received - 1)}",
    }


async def accepted(call: Call, name: str, upload: str, received: int, status: int = 202) -> None:
    """Say where an upload is and how much of it has arrived."""
    await call.reply(status, b"", _place(call, name, upload, received))


async def created(call: Call, name: str, found: Digest) -> None:
    """Say that a blob is there."""
    location = call.path(request.blob_path(name, found))
    await call.reply(201, b"", {"location": location, "docker-content-digest": str(found)})
