"""Blobs over HTTP (distribution-spec end-2, end-10), with ranges (RFC 9110 §14)."""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import AsyncGenerator

from dockyard.oci.digest import Digest
from dockyard.registry.app.call import Call
from dockyard.registry.app.quick import at_once, blob_headers
from dockyard.registry.interface import BlobPlace, WireError
from dockyard.registry.protocol import codes, request

_SPAN = re.compile(r"(\d{0,18})-(\d{0,18})")
_MOST_RANGES = 64
# What is read ahead for a client that may take nothing. HTTP/2 has many answers on one connection.
_PIECE, _PIECE_OF_MANY = 256 << 10, 48 << 10


async def get(call: Call, target: request.Target) -> None:
    """GET and HEAD.

    Raises:
        WireError: BLOB_UNKNOWN.
    """
    place = call.registry.cached_blob(target.name, target.item)
    if place is None:
        place = await asyncio.to_thread(call.registry.blob, target.name, Digest.parse(target.item))
    etag = f'"{target.item}"'.encode()
    pairs = blob_headers(target.item)
    if place.path is not None and not _there(place):
        # Clients that ask before they push will then push it anew, and that mends it.
        raise WireError(codes.BLOB_UNKNOWN, target.item)
    if call.head and place.read is not None and place.size:
        # Whoever looks is about to push what is missing: the storage has to say so itself.
        await asyncio.to_thread(next, place.read(0, 1), b"")
    if call.fresh(etag):
        await call.start(304, pairs)
        return await call.send({"type": "http.response.body", "body": b""})
    wanted = _spans(call, place.size, etag)
    # Object storage gives one range at most.
    if place.url and not call.head and len(wanted) < 2:
        pairs += [(b"location", place.url.encode("latin-1", "replace")), (b"content-length", b"0")]
        await call.start(307, pairs)
        return await call.send({"type": "http.response.body", "body": b""})
    if len(wanted) > 1:
        return await _several(call, place, pairs, wanted)
    begin, length = wanted[0] if wanted else (0, place.size)
    if wanted:
        pairs.append((b"content-range", f"bytes {begin}-{begin + length - 1}/{place.size}".encode()))
    pairs += [(b"content-type", b"application/octet-stream"), (b"content-length", str(length).encode())]
    whole = not wanted and place.path is not None and not call.head
    if whole and call.ways.accel:
        inner = os.path.relpath(str(place.path), call.ways.storage)
        pairs[-1] = (b"x-accel-redirect", f"{call.ways.accel.rstrip('/')}/{inner}".encode())
        await call.start(200, pairs)
        return await call.send({"type": "http.response.body", "body": b""})
    if whole and "http.response.pathsend" in (call.scope.get("extensions") or ()):
        await call.start(200, pairs)
        return await call.send({"type": "http.response.pathsend", "path": str(place.path)})
    async with contextlib.aclosing(_pieces(call, place, begin, 0 if call.head else length)) as pieces:
        first = await anext(pieces, b"")
        await call.start(206 if wanted else 200, pairs)
        if first:
            await call.piece(first)
            async for data in pieces:
                await call.piece(data)
    await call.send({"type": "http.response.body", "body": b""})


async def delete(call: Call, target: request.Target) -> None:
    """DELETE."""
    await asyncio.to_thread(call.registry.delete_blob, target.name, Digest.parse(target.item))
    await call.reply(202)


async def _several(
    call: Call, place: BlobPlace, pairs: list[tuple[bytes, bytes]], wanted: list[tuple[int, int]]
) -> None:
    """Several ranges in one answer (RFC 9110 §14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Range: bytes {begin}-{begin + length - 1}/{place.size}\r\n\r\n".encode()
        for begin, length in wanted
    ]
    end = f"\r\n--{boundary}--\r\n".encode()
    size = sum(len(head) for head in heads) + sum(length for _, length in wanted) + len(end)
    pairs += [
        (b"content-type", f"multipart/byteranges; boundary={boundary}".encode()),
        (b"content-length", str(size).encode()),
    ]
    await call.start(206, pairs)
    if not call.head:
        for head, (begin, length) in zip(heads, wanted, strict=True):
            await call.piece(head)
            async with contextlib.aclosing(_pieces(call, place, begin, length)) as pieces:
                async for data in pieces:
                    await call.piece(data)
        await call.piece(end)
    await call.send({"type": "http.response.body", "body": b""})


def _spans(call: Call, size: int, etag: bytes) -> list[tuple[int, int]]:
    """The wanted ranges as begin and length; none means all. What is no range is no reason to refuse."""
    text = call.header(b"range")
    if text[:6].lower() != "bytes=" or call.headers.get(b"if-range", etag) != etag:
        return []
    found = []
    parts = text[6:].split(",")
    for part in parts:
        match = _SPAN.fullmatch(part.strip())
        if match is None or part.strip() == "-":
            return []
        first, last = match[1], match[2]
        if first and last and int(last) < int(first):
            return []
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if begin <= end:
            found.append((begin, end - begin + 1))
    if not found:
        raise WireError(codes.RANGE_NOT_SATISFIABLE, f"the blob has {size} bytes", {"content-range": f"bytes */{size}"})
    # Many or overlapping pieces cost the server more than the whole blob (RFC 9110 §14.2).
    if len(found) > _MOST_RANGES or sum(length for _, length in found) > size:
        return []
    return found


def _there(place: BlobPlace) -> bool:
    """Whether the file has all its bytes."""
    try:
        return os.stat(str(place.path)).st_size == place.size
    except FileNotFoundError:
        return False


async def _pieces(call: Call, place: BlobPlace, begin: int, length: int) -> AsyncGenerator[bytes]:
    if place.read is not None:
        source = place.read(begin, length)
        while data := await asyncio.to_thread(next, source, b""):
            yield data
        return
    if length <= 0:
        return
    most = _PIECE_OF_MANY if call.scope.get("http_version") == "2" else _PIECE
    try:
        handle = await asyncio.to_thread(os.open, str(place.path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise WireError(codes.BLOB_UNKNOWN, "its bytes are not there") from None
    try:
        while length > 0:
            size = min(most, length)
            found = at_once(handle, size, begin)
            if found is None:
                found = await asyncio.to_thread(os.pread, handle, size, begin)
            if not found:
                return
            begin, length = begin + len(found), length - len(found)
            yield found
    finally:
        os.close(handle)
