"""Routing by path prefix: from a request to the application that answers it.

The registry's hot paths go straight to their application; what people look at is loaded when somebody first does.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

from dockyard.registry.app.call import Application, Receive, Scope, Send

Maker = Callable[[], Application]


def front(registry: Application, others: Mapping[str, Maker], prefix: str = "", headers: int = 64 << 10) -> Application:
    """One application over all.

    Args:
        registry: answers `/v2/…`.
        others: what makes the application for paths that begin with a text, such as `/token`; the longest that fits
            is taken, and what is made is kept.
        prefix: the path under which a reverse proxy shows this server; it is taken off where it is still there.
        headers: most bytes of a request's headers.
    """
    made: dict[str, Application] = {}
    lock = threading.Lock()
    order = sorted(others, key=len, reverse=True)

    def make(name: str) -> Application:
        with lock:
            if name not in made:
                made[name] = others[name]()
            return made[name]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return None
        path = scope["path"]
        if len(path) + sum([len(name) + len(value) for name, value in scope["headers"]]) > headers:
            return await _refused(send, 431, "the headers are too long", [(b"connection", b"close")])
        if sum([name == b"host" for name, _ in scope["headers"]]) > 1:
            # RFC 9112 §3.2; a proxy in front and this server might each take another one.
            return await _refused(send, 400, "a request has one Host header", [(b"connection", b"close")])
        if prefix and path.startswith(prefix + "/"):
            path = path[len(prefix) :]
            raw = bytes(scope.get("raw_path") or b"")
            raw = raw[len(prefix) :] if raw.startswith(prefix.encode() + b"/") else path.encode()
            scope = {**scope, "path": path, "root_path": prefix, "raw_path": raw}
        if path.startswith("/v2/") or path == "/v2":
            await registry(scope, receive, send)
            return None
        found = next((each for each in order if path.startswith(each)), None)
        if found is None:
            await _refused(send, 404, "no such path")
            return None
        application = made.get(found)
        if application is None:
            # In a thread: what is loaded now may take half a second, in which others are served.
            application = await asyncio.to_thread(make, found)
        await application(scope, receive, send)

    return app


async def _refused(send: Send, status: int, why: str, further: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = b'{"errors":[{"code":"UNSUPPORTED","message":"%b"}]}' % why.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *further]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
