"""One HTTP request and its answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from dockyard.errors import TransientError
from dockyard.oci.digest import Digest
from dockyard.registry.app.forwarded import Forwarded
from dockyard.registry.guard import Gate, Guard, Open, Pass
from dockyard.registry.interface import Registry, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.codes import Code

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PIECE = 1 << 20
LEAST_BYTES_A_SECOND = 1024
# The server below holds several pieces of an answer that its client does not take.
_SENT = 64 << 10
# A piece costs some memory beside its bytes.
MOST_PIECES = 512
LINGER_BYTES = 64 << 20
"""Most bytes of a body that are received only so that its client comes to see why it was refused."""
_LINGER_S = 10
_WARNINGS_BYTES = 4096
FIXED = [(b"docker-distribution-api-version", b"registry/2.0"), (b"x-content-type-options", b"nosniff")]


def _as_it_is(namespace: str, name: str) -> str:
    return name


def _unnoticed(name: str, reference: str, digest: Digest) -> None:
    pass


@dataclass(frozen=True)
class Ways:
    """How the application is reached, and whom it asks.

    Attributes:
        guard: says who may do what.
        prefix: the path under which a reverse proxy shows this server, such as `/registry`; empty for none.
        base: the URL under which clients see this server; empty derives it from each request.
        forwarded: whose X-Forwarded-Proto, -Host and -For are believed.
        accel: the internal location under which nginx reads the storage folder itself (X-Accel-Redirect).
        storage: that folder.
        patience: seconds for which a client may be silent within a body, or take nothing of an answer; after them a
            body must also have brought 1 KiB a second.
        named: the repository here that `name` of the namespace `ns` means, for clients that use this as a mirror.
        gate: asked before a manifest is given, or those who may not push are told of it.
        pulled: told of every manifest that a client gets: the repository, the tag or digest asked for, the digest.
    """

    guard: Guard = field(default_factory=Open)
    prefix: str = ""
    base: str = ""
    forwarded: Forwarded = field(default_factory=Forwarded)
    accel: str = ""
    storage: str = ""
    patience: float = 60
    named: Callable[[str, str], str] = _as_it_is
    pulled: Callable[[str, str, Digest], None] = _unnoticed
    gate: Gate | None = None


class SlowClientError(TransientError):
    """A client asked the registry for content and then did not read it, so the connection was ended."""

    reference = "slow-client"


@dataclass
class Call:
    """A request under way; `taken` says whether all of its body has come. An answer may be given once."""

    registry: Registry
    ways: Ways
    scope: Scope
    receive: Receive
    send: Send
    started: bool = False
    taken: bool = False
    permit: Pass | None = None
    namespace: str = ""

    @cached_property
    def headers(self) -> dict[bytes, bytes]:
        """The headers by name in lower case; of several lines with one name the last."""
        return {name.lower(): value for name, value in self.scope["headers"]}

    def listed(self, name: bytes) -> bytes:
        """A header that is a list: all of its lines as one (RFC 9110 §5.3)."""
        return b", ".join(value for each, value in self.scope["headers"] if each.lower() == name)

    def fresh(self, etag: bytes) -> bool:
        """Whether the client has just this already (If-None-Match, RFC 9110 §13.1.2).

        Raises:
            WireError: 412: it wants something else than this (If-Match).
        """
        headers = self.headers
        if b"if-match" in headers:
            wanted = self.listed(b"if-match")
            if wanted.strip() != b"*" and etag not in [each.strip() for each in wanted.split(b",")]:
                raise WireError(codes.CONDITION_FAILED, f"it is {etag.decode()}")
        if b"if-none-match" not in headers:
            return False
        known = self.listed(b"if-none-match")
        return known.strip() == b"*" or etag in known

    def header(self, name: bytes) -> str:
        """A header's value, empty where it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        """The parameters of the query.

        Raises:
            WireError: there are too many of them (414).
        """
        try:
            text = self.scope.get("query_string", b"").decode("latin-1")
            return parse_qs(text, keep_blank_values=True, max_num_fields=100) if text else {}
        except ValueError:
            raise WireError(codes.URI_TOO_LONG, "too many parameters") from None

    def query(self, name: str) -> str:
        """A parameter's first value, empty where it is not there."""
        found = self.parameters.get(name)
        return found[0] if found else ""

    @property
    def head(self) -> bool:
        """Whether only headers are wanted."""
        return bool(self.scope["method"] == "HEAD")

    def may_push(self, name: str) -> bool:
        """Whether the caller, with the token that it shows, may push to a repository."""
        return self.permit is not None and self.permit.allows(name, "push")

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.ways.forwarded.address(self.scope)

    @property
    def base(self) -> str:
        """The URL of this server as the client sees it, without a slash at the end."""
        if self.ways.base:
            return self.ways.base
        scheme, host = str(self.scope.get("scheme") or "http"), self.header(b"host")
        if self.ways.forwarded.believes(self.scope):
            # Several proxies in a row make lists; the first is what the client knows.
            said = self.header(b"x-forwarded-proto").partition(",")[0].strip().lower()
            scheme = said if said in ("http", "https") else scheme
            host = self.header(b"x-forwarded-host").partition(",")[0].strip() or host
        return f"{scheme}://{host or 'localhost'}{self.ways.prefix}"

    def path(self, path: str) -> str:
        """A path of the protocol as the client has to write it."""
        return self.ways.prefix + path

    async def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Answer with a whole body."""
        pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()]
        if body and (not headers or "content-type" not in headers):
            pairs.append((b"content-type", b"application/json"))
        if status != 204 and (not headers or "content-length" not in headers):
            pairs.append((b"content-length", str(len(body)).encode()))
        await self.start(status, pairs)
        await self.send({"type": "http.response.body", "body": b"" if self.head else body})

    async def start(self, status: int, pairs: list[tuple[bytes, bytes]]) -> None:
        """Send the head of the answer."""
        self.started = True
        pairs += FIXED
        if self.namespace:
            pairs.append((b"oci-namespace", self.namespace.encode("latin-1", "replace")))
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})

    async def refuse(self, code: Code, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with an error document; nothing where an answer has begun."""
        if not self.started:
            await self.reply(code.status, codes.body(code, detail), headers)

    async def piece(self, data: bytes) -> None:
        """Send a piece of the answer's body.

        Raises:
            SlowClientError: the client has taken nothing for a long time.
        """
        try:
            async with asyncio.timeout(self.ways.patience):
                for at in range(0, len(data), _SENT):
                    part = data[at : at + _SENT] if len(data) > _SENT else data
                    await self.send({"type": "http.response.body", "body": part, "more_body": True})
        except TimeoutError:
            raise SlowClientError("a client takes nothing of its answer") from None

    async def document(self, document: Any, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        await self.reply(200, json.dumps(document, separators=(",", ":")).encode(), headers)

    async def linger(self) -> None:
        """Once the answer is given, let go by what still comes of the body, for a while: a client whose connection ends
        while it sends learns of that, and not of its answer.
        """
        expects = b"expect" in self.headers  # it sends nothing before it is told to
        left = 0 if self.taken or expects or self.scope["method"] not in ("POST", "PUT", "PATCH") else LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_S):
                while left > 0:
                    message = await self.receive()
                    more = message["type"] == "http.request" and message.get("more_body", False)
                    left = left - len(message.get("body", b"")) if more else 0
        except TimeoutError:
            return

    async def body(self, most: int) -> bytes:
        """The whole body of a request that is short.

        Raises:
            WireError: SIZE_INVALID: it has more than `most` bytes; BLOB_UPLOAD_INVALID: it breaks off, or took longer
                than a client may be silent.
        """
        held, more = bytearray(), True
        try:
            async with asyncio.timeout(self.ways.patience):
                while more:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise WireError(codes.BLOB_UPLOAD_INVALID, "the client went away")
                    held += message.get("body", b"")
                    more = bool(message.get("more_body", False))
                    self.taken = not more
                    if len(held) > most:
                        raise WireError(codes.SIZE_INVALID, f"the body is longer than {most} bytes")
        except TimeoutError:
            raise WireError(codes.TOO_SLOW, "", {"connection": "close"}) from None
        return bytes(held)

    async def pieces(self, take: Callable[..., Any]) -> tuple[int, list[bytes]]:
        """Give the body to `take`, in a thread, about 1 MiB at a time as pieces that belong together; but return the
        end of it, with the number of bytes that were taken before.

        The next pieces are received while some are taken.

        Raises:
            WireError: BLOB_UPLOAD_INVALID: the client went away, or is too slow. What had come was taken.
        """
        held: list[bytes] = []
        size, total, more, slow = 0, 0, True, False
        loop = asyncio.get_running_loop()
        begun, patience = loop.time(), self.ways.patience
        taking: asyncio.Task[Any] | None = None
        try:
            while more:
                try:
                    async with asyncio.timeout(patience):
                        message = await self.receive()
                except TimeoutError:
                    slow, message = True, {"type": "http.request", "more_body": False}
                gone = message["type"] == "http.disconnect"
                if body := message.get("body", b""):
                    held.append(body)
                    size += len(body)
                more = not gone and bool(message.get("more_body", False))
                self.taken = not more
                late = loop.time() - begun - patience
                if more and late > 0 and total + size < late * LEAST_BYTES_A_SECOND:
                    slow, more = True, False
                if (more and (size >= PIECE or len(held) >= MOST_PIECES)) or (size and (slow or gone)):
                    if taking is not None:
                        await taking
                    total += size
                    taking = asyncio.create_task(asyncio.to_thread(take, *held))
                    held, size = [], 0
                if slow:
                    raise WireError(codes.TOO_SLOW, "", {"connection": "close"})
                if gone:
                    raise WireError(codes.BLOB_UPLOAD_INVALID, "the client went away")
        finally:
            if taking is not None:
                await taking
        return total, held


def warned(texts: Sequence[str]) -> dict[str, str]:
    """The header with warnings for people (distribution-spec, warnings), as many as it may hold."""
    found, size = [], 0
    for text in texts:
        clean = "".join(each if each.isprintable() and each not in '"\\' else " " for each in text)
        item = f'299 - "{clean}"'
        size += len(item) + 2
        if size > _WARNINGS_BYTES:
            break
        found.append(item)
    return {"warning": ", ".join(found)} if found else {}
