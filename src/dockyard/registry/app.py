"""The distribution protocol as an ASGI application over any `interface.Registry` (distribution-spec 1.1)."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, unquote

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.errors import DiskFullError
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_INDEX
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes, request
from dockyard.registry.protocol.codes import Code

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_CHUNK = 1 << 20
_MOST_TAGS = 10_000
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CONTENT_RANGE = re.compile(r"(\d+)-(\d+)")


def application(registry: Registry) -> Application:
    """The ASGI application that serves `registry`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = _Call(registry, scope, receive, send)
        try:
            await call.answer()
        except WireError as error:
            await call.refuse(error.code, error.detail)
        except DigestInvalidError as error:
            await call.refuse(codes.DIGEST_INVALID, error.message)
        except DiskFullError:
            await call.refuse(Code("DENIED", 507, "the registry's disk is full"), "")

    return app


@dataclass
class _Call:
    registry: Registry
    scope: Scope
    receive: Receive
    send: Send
    started: bool = False

    async def answer(self) -> None:
        method = str(self.scope["method"])
        target = request.parse(unquote(str(self.scope["path"])))
        if target is None:
            return await self.reply(404, codes.body(codes.UNSUPPORTED, "no such path"))
        if target.name and not request.name_valid(target.name):
            raise WireError(codes.NAME_INVALID, target.name[:260])
        handler = _HANDLERS.get((method, target.kind))
        if handler is None:
            raise WireError(codes.UNSUPPORTED, f"{method} is not for this path")
        await handler(self, target)

    async def refuse(self, code: Code, detail: str) -> None:
        if self.started:
            return
        await self.reply(code.status, codes.body(code, detail))

    async def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        given = {"content-type": "application/json", **(headers or {})} if body else dict(headers or {})
        given.setdefault("content-length", str(len(body)))
        given["docker-distribution-api-version"] = "registry/2.0"
        self.started = True
        pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in given.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        empty = self.scope["method"] == "HEAD"
        await self.send({"type": "http.response.body", "body": b"" if empty else body})

    def header(self, name: str) -> str:
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key.lower() == wanted), "")

    def query(self, name: str) -> str:
        found = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get(name)
        return found[0] if found else ""

    async def pieces(self, take: Callable[[bytes], Any]) -> int:
        """Give the body to `take` in pieces of about 1 MiB and return its length."""
        held, total, more = bytearray(), 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise WireError(codes.BLOB_UPLOAD_INVALID, "the client went away")
            held += message.get("body", b"")
            more = bool(message.get("more_body", False))
            if len(held) >= _CHUNK or (held and not more):
                total += len(held)
                await asyncio.to_thread(take, bytes(held))
                held.clear()
        return total

    async def root(self, target: request.Target) -> None:
        await self.reply(200, b"{}")

    async def get_blob(self, target: request.Target) -> None:
        digest = Digest.parse(target.item)
        path, size = await asyncio.to_thread(self.registry.blob, target.name, digest)
        headers = {
            "content-type": "application/octet-stream",
            "docker-content-digest": str(digest),
            "etag": f'"{digest}"',
            "accept-ranges": "bytes",
            "cache-control": "max-age=31536000",
        }
        if self.header("if-none-match") == f'"{digest}"':
            return await self.reply(304, b"", headers)
        begin, end, status = 0, size - 1, 200
        match = _RANGE.fullmatch(self.header("range"))
        if match and (match[1] or match[2]):
            begin, end = _span(match[1], match[2], size)
            if begin > end:
                raise WireError(codes.RANGE_NOT_SATISFIABLE, f"the blob has {size} bytes")
            status = 206
            headers["content-range"] = f"bytes {begin}-{end}/{size}"
        headers["content-length"] = str(end - begin + 1)
        if self.scope["method"] == "HEAD":
            return await self.reply(status, b"", headers)
        self.started = True
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
        with open(path, "rb", buffering=0) as stream:
            await self._file(stream, begin, end - begin + 1)

    async def _file(self, stream: BinaryIO, begin: int, left: int) -> None:
        stream.seek(begin)
        while left > 0:
            data = await asyncio.to_thread(stream.read, min(_CHUNK, left))
            if not data:
                break  # the file is shorter than it was; the client sees too few bytes
            left -= len(data)
            await self.send({"type": "http.response.body", "body": data, "more_body": left > 0})
        else:
            return
        await self.send({"type": "http.response.body", "body": b""})

    async def get_manifest(self, target: request.Target) -> None:
        stored = await asyncio.to_thread(self.registry.manifest, target.name, target.item)
        headers = {
            "content-type": stored.media_type,
            "docker-content-digest": str(stored.digest),
            "etag": f'"{stored.digest}"',
            "content-length": str(len(stored.raw)),
        }
        if self.header("if-none-match") == f'"{stored.digest}"':
            return await self.reply(304, b"", {**headers, "content-length": "0"})
        await self.reply(200, stored.raw, headers)

    async def put_manifest(self, target: request.Target) -> None:
        body = bytearray()

        def take(data: bytes) -> None:
            body.extend(data)
            if len(body) > MANIFEST_BYTES:
                raise WireError(codes.SIZE_INVALID, f"a manifest has at most {MANIFEST_BYTES} bytes")

        await self.pieces(take)
        media_type = self.header("content-type").partition(";")[0].strip()
        put = self.registry.put_manifest
        digest, subject = await asyncio.to_thread(put, target.name, target.item, bytes(body), media_type)
        headers = {"location": request.manifest_path(target.name, digest), "docker-content-digest": str(digest)}
        if subject is not None:
            headers["oci-subject"] = str(subject)
        await self.reply(201, b"", headers)

    async def delete_manifest(self, target: request.Target) -> None:
        await asyncio.to_thread(self.registry.delete_manifest, target.name, target.item)
        await self.reply(202)

    async def delete_blob(self, target: request.Target) -> None:
        await asyncio.to_thread(self.registry.delete_blob, target.name, Digest.parse(target.item))
        await self.reply(202)

    async def begin_upload(self, target: request.Target) -> None:
        name = target.name
        mount = self.query("mount")
        if mount:
            digest = Digest.parse(mount)
            if await asyncio.to_thread(self.registry.mount, name, digest, self.query("from")):
                return await self._created(name, digest)
        upload = await asyncio.to_thread(self.registry.begin, name)
        whole = self.query("digest")
        if not whole:
            return await self._accepted(name, upload, 0)
        digest = Digest.parse(whole)
        await self.pieces(lambda data: self.registry.append(name, upload, data))
        await asyncio.to_thread(self.registry.finish, name, upload, digest)
        await self._created(name, digest)

    async def patch_upload(self, target: request.Target) -> None:
        received = await self._append(target)
        await self._accepted(target.name, target.item, received)

    async def put_upload(self, target: request.Target) -> None:
        digest = Digest.parse(self.query("digest"))
        await self._append(target)
        await asyncio.to_thread(self.registry.finish, target.name, target.item, digest)
        await self._created(target.name, digest)

    async def _append(self, target: request.Target) -> int:
        name, upload = target.name, target.item
        have = await asyncio.to_thread(self.registry.received, name, upload)
        text = self.header("content-range").removeprefix("bytes ")
        if text:
            match = _CONTENT_RANGE.fullmatch(text)
            length = self.header("content-length")
            if match is None or int(match[1]) != have:
                raise WireError(codes.RANGE_INVALID, f"{have} bytes have arrived")
            if length.isdigit() and int(match[2]) - int(match[1]) + 1 != int(length):
                raise WireError(codes.RANGE_INVALID, "the range and the length disagree")
        return have + await self.pieces(lambda data: self.registry.append(name, upload, data))

    async def upload_state(self, target: request.Target) -> None:
        received = await asyncio.to_thread(self.registry.received, target.name, target.item)
        await self._accepted(target.name, target.item, received, status=204)

    async def cancel_upload(self, target: request.Target) -> None:
        await asyncio.to_thread(self.registry.cancel, target.name, target.item)
        await self.reply(204)

    async def _accepted(self, name: str, upload: str, received: int, status: int = 202) -> None:
        headers = {
            "location": f"/v2/{name}/blobs/uploads/{upload}",
            "docker-upload-uuid": upload,
            "range": f"0-{max(0, received - 1)}",
        }
        await self.reply(status, b"", headers)

    async def _created(self, name: str, digest: Digest) -> None:
        await self.reply(201, b"", {"location": request.blob_path(name, digest), "docker-content-digest": str(digest)})

    async def tags(self, target: request.Target) -> None:
        found = await asyncio.to_thread(self.registry.tags, target.name)
        await self._page(found, f"/v2/{target.name}/tags/list", lambda page: {"name": target.name, "tags": page})

    async def catalog(self, target: request.Target) -> None:
        found = await asyncio.to_thread(self.registry.repositories)
        await self._page(found, "/v2/_catalog", lambda page: {"repositories": page})

    async def _page(self, found: list[str], path: str, document: Callable[[list[str]], Any]) -> None:
        last, text = self.query("last"), self.query("n")
        rest = [each for each in found if each > last] if last else found
        count = min(int(text), _MOST_TAGS) if text.isdigit() and len(text) < 9 else _MOST_TAGS
        page = rest[:count]
        headers = {}
        if len(page) < len(rest) and page:
            headers["link"] = f'<{path}?n={count}&last={quote(page[-1], safe="")}>; rel="next"'
        await self.reply(200, json.dumps(document(page)).encode(), headers)

    async def referrers(self, target: request.Target) -> None:
        found = await asyncio.to_thread(self.registry.referrers, target.name, Digest.parse(target.item))
        headers = {"content-type": OCI_INDEX}
        kind = self.query("artifactType")
        if kind:
            found = [item for item in found if item.artifact_type == kind]
            headers["oci-filters-applied"] = "artifactType"
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [item.to_json() for item in found]}
        await self.reply(200, encode(document), headers)


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and last byte of a range as a request writes it."""
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


_HANDLERS: dict[tuple[str, str], Callable[[_Call, request.Target], Awaitable[None]]] = {
    ("GET", "root"): _Call.root,
    ("HEAD", "root"): _Call.root,
    ("GET", "blob"): _Call.get_blob,
    ("HEAD", "blob"): _Call.get_blob,
    ("DELETE", "blob"): _Call.delete_blob,
    ("GET", "manifest"): _Call.get_manifest,
    ("HEAD", "manifest"): _Call.get_manifest,
    ("PUT", "manifest"): _Call.put_manifest,
    ("DELETE", "manifest"): _Call.delete_manifest,
    ("POST", "uploads"): _Call.begin_upload,
    ("GET", "upload"): _Call.upload_state,
    ("PATCH", "upload"): _Call.patch_upload,
    ("PUT", "upload"): _Call.put_upload,
    ("DELETE", "upload"): _Call.cancel_upload,
    ("GET", "tags"): _Call.tags,
    ("GET", "referrers"): _Call.referrers,
    ("GET", "catalog"): _Call.catalog,
}
