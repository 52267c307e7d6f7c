"""The fast path: cached manifests and small blobs for callers whose authorisation is cached.

What is given is what `manifests.get` and `blobs.get` would give. Nothing here waits, and whatever is not plain (ranges,
conditions, parameters, anything that has to be looked up) takes the long way.
"""

import errno
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from dockyard.registry.app.call import FIXED, Message, Scope, Ways
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.interface import Registry, StoredManifest, WireError
from dockyard.registry.protocol import request

SMALL = 1 << 20
# An answer is in memory until its client has taken it. HTTP/2 has many of them on one connection.
_SMALL_MANY = 64 << 10
_CONDITIONS = (b"if-none-match", b"if-match", b"if-modified-since", b"if-unmodified-since", b"if-range")
_NOTED = frozenset((b"authorization", b"host", b"range", b"expect", *_CONDITIONS))
_LONGEST = 1024
_MOST = 8192
_MOST_CALLERS = 1024
_KEPT_BYTES = 16 << 20
# Read only what is in memory already: without the flag, or where the file system does not know it, nothing is.
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_WAITS = (errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL)


class Answer(NamedTuple):
    """An answer with status 200: what was asked for, headers, the message with the body, and the body's size."""

    target: request.Target
    headers: list[tuple[bytes, bytes]]
    message: Message
    size: int


Quick = Callable[[Scope], Answer | None]
_NOTHING: Message = {"type": "http.response.body", "body": b""}


def quick(registry: Registry, ways: Ways) -> Quick:
    """What gives the answer to a request, or None where it has to go the long way."""
    return _Short(registry, ways).give


class _Short:
    """For one thread."""

    def __init__(self, registry: Registry, ways: Ways) -> None:
        self._registry, self._ways = registry, ways
        self._made: dict[str, tuple[request.Target, object, list[tuple[bytes, bytes]]]] = {}
        self._callers: dict[tuple[str, str], tuple[Caller, Caller]] = {}
        self._held = _Held()

    def give(self, scope: Scope) -> Answer | None:
        path = scope["path"]
        if scope["query_string"] or len(path) > _LONGEST:
            return None
        known = self._made.get(path)
        target = known[0] if known is not None else request.parse(path)
        if target is None:
            return None
        head = scope["method"] == "HEAD"
        passed = True
        if target.kind == "manifest":
            found, gate = self._manifest(target), self._ways.gate
            passed = found is None or gate is None or gate.passes(target.name, found[0])
        else:
            found = self._blob(target, head, _SMALL_MANY if scope.get("http_version") == "2" else SMALL)
        if found is None:
            return None
        thing, data = found
        if not passed or not self._admitted(scope, target):
            return None
        if known is None or known[1] is not thing:
            if len(self._made) >= _MOST:
                self._made.clear()
            known = self._made[path] = (target, thing, _headers(target, thing))
        if head:
            return Answer(target, known[2], _NOTHING, 0)
        if target.kind == "manifest":
            self._ways.pulled(target.name, target.item, thing.digest)
        return Answer(target, known[2], {"type": "http.response.body", "body": data}, len(data))

    def _manifest(self, target: request.Target) -> tuple[Any, bytes] | None:
        stored = self._registry.cached(target.name, target.item)
        return None if stored is None else (stored, stored.raw)

    def _blob(self, target: request.Target, head: bool, most: int) -> tuple[Any, bytes] | None:
        if target.kind != "blob" or head or self._ways.accel:
            return None
        place = self._registry.cached_blob(target.name, target.item)
        if place is None or place.path is None or place.size > most:
            return None
        data = self._held.get(str(place.path), place.size)
        return None if data is None else (place, data)

    def _admitted(self, scope: Scope, target: request.Target) -> bool:
        """Whether nothing about the request is odd, and its caller is known and may pull."""
        authorization, hosts = "", 0
        for name, value in scope["headers"]:
            if name in _NOTED:
                if name == b"host":
                    hosts += 1
                elif name == b"authorization":
                    authorization = value.decode("latin-1")
                else:
                    return False
        if hosts > 1:
            return False
        try:
            permit = self._ways.guard.known(authorization)
        except WireError:
            return False
        if permit is None:
            return False
        if not permit.allows(target.name, "pull"):
            scope["dockyard.permit"] = permit  # it has paid for this request
            return False
        who = (permit.caller.name, self._ways.forwarded.address(scope))
        caller = self._callers.get(who)
        if caller is None or caller[0] is not permit.caller:
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            caller = self._callers[who] = (permit.caller, Caller(permit.caller.name, permit.caller.kind, who[1]))
        CALLER.set(caller[1])
        return True


def _headers(target: request.Target, thing: Any) -> list[tuple[bytes, bytes]]:
    if target.kind == "manifest":
        return [*manifest_headers(thing), (b"content-length", str(len(thing.raw)).encode()), *FIXED]
    length = str(thing.size).encode()
    kind = (b"content-type", b"application/octet-stream")
    return [*blob_headers(target.item), kind, (b"content-length", length), *FIXED]


def manifest_headers(stored: StoredManifest) -> list[tuple[bytes, bytes]]:
    """What describes a manifest."""
    digest = str(stored.digest).encode()
    return [
        (b"content-type", stored.media_type.encode("latin-1", "replace")),
        (b"docker-content-digest", digest),
        (b"etag", b'"' + digest + b'"'),
        (b"vary", b"accept"),
    ]


def blob_headers(digest: str) -> list[tuple[bytes, bytes]]:
    """What describes a blob."""
    return [
        (b"docker-content-digest", digest.encode()),
        (b"etag", f'"{digest}"'.encode()),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, max-age=31536000, immutable"),
    ]


class _Held:
    """Small blobs that were asked for lately, and how they are read without waiting for a disk. For one thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, path: str, size: int) -> bytes | None:
        """The bytes of a file; None if it has others, or they would have to be read from a disk."""
        data = self._kept.get(path)
        if data is not None:
            self._kept.move_to_end(path)
            return data
        data = _read(path, size)
        if data is not None:
            self._kept[path] = data
            self._size += size
            while self._size > _KEPT_BYTES:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data


def at_once(handle: int, size: int, at: int) -> bytes | None:
    """At most so many bytes of an open file, if they are in memory; None where they would have to be waited for."""
    if not _NOWAIT:
        return None
    buffer = bytearray(size)
    try:
        count = os.preadv(handle, [buffer], at, _NOWAIT)
    except OSError as error:
        if error.errno not in _WAITS:
            raise
        return None
    return bytes(memoryview(buffer)[:count])


def _read(path: str, size: int) -> bytes | None:
    if not _NOWAIT or not size:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # What is in memory at both ends and in the middle is so in between.
        if not all(at_once(handle, 1, at) for at in {0, size // 2, size - 1}):
            return None
        data = os.pread(handle, size + 1, 0)
        return data if len(data) == size else None
    finally:
        os.close(handle)
