"""Connections to servers, kept for the next request."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from dockyard import __version__
from dockyard._internal import redact
from dockyard._internal.host import written
from dockyard._internal.proxy import DIRECT, Proxies, Proxy
from dockyard.registry.wire.answer import Answer
from dockyard.registry.wire.line import Line, RegistryUnreachableError, reason, refused

if TYPE_CHECKING:
    import ssl

_KEPT = 8
_PIECE = 256 << 10
_PORTS = {"http": 80, "https": 443}
# What may stand in a request's first line as it is: all of a URI's characters (RFC 3986 §2).
_SAFE = "%/:=&?~+!$,;'@()*[]"

_Address = tuple[str, str, int]


class Body(Protocol):
    """Bytes to be sent: at most `size` at a time, none at their end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""


class Pool:
    """Sends requests. May be used from several threads.

    Args:
        verify: False leaves TLS certificates unchecked.
        ca: a file of authorities in place of the system's.
        proxies: which servers are reached by way of which proxy.
    """

    def __init__(self, *, verify: bool = True, ca: str = "", proxies: Proxies = DIRECT) -> None:
        self._verify, self._ca, self._proxies = verify, ca, proxies
        self._lock = threading.Lock()
        self._idle: dict[_Address, list[Line]] = {}
        self._context: ssl.SSLContext | None = None

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: "bytes | Body | None" = None
    ) -> Answer:
        """Send a request and return its answer, whose body is not yet read; redirects are not followed.

        Args:
            method: the HTTP method.
            url: of http or https; user and password in it are ignored.
            headers: further headers. A stream as body needs its Content-Length among them.
            body: what to send. A server that answers before it has read all of it is listened to.

        Raises:
            RegistryUnreachableError: nobody answers, the line was cut, or `url` is no address of HTTP.
            ProxyInvalidError, ProxyRefusedError: there is no way by the proxy.
        """
        try:
            by = self._proxies.to(url)
            address, target = _place(url)
            head = _head(method, target, address, by)
            for name, value in (headers or {}).items():
                head += f"{name}: {_clean(value)}\r\n"
            if isinstance(body, bytes) or (body is None and method in ("POST", "PUT", "PATCH")):
                body = body or b""
                if "Content-Length" not in (headers or {}):
                    head += f"Content-Length: {len(body)}\r\n"
            raw = f"{head}\r\n".encode("latin-1")
        except ValueError as error:
            raise _unreachable(url, reason(error)) from error
        file = body if isinstance(body, FileIO) else None
        began = file.tell() if file is not None else 0
        while True:
            line = self._line(address, url, by)
            again = line.used and (body is None or isinstance(body, bytes) or file is not None)
            line.used = True
            try:
                answer = self._over(line, raw, body, method == "HEAD", address)
            except RegistryUnreachableError as error:
                line.close()
                # A server may end a connection just when it is used again.
                if not again or line.late:
                    raise _unreachable(url, error.message) from error
                if file is not None:
                    file.seek(began)
                continue
            except BaseException:
                line.close()
                raise
            if by is not None and answer.status == 407:
                answer.close()
                raise refused(by, "407, it asks for a login")
            return answer

    def _over(self, line: Line, raw: bytes, body: "bytes | Body | None", head: bool, address: _Address) -> Answer:
        keep = self._keeper(address)
        try:
            if not isinstance(body, bytes):
                line.send(raw)
                for _ in () if body is None else _sending(line, body):
                    if line.plain and line.spoken:
                        return Answer(line, head, Line.close)
            elif len(body) < _PIECE:
                line.send(raw + body)
            else:
                line.send(raw)
                line.send(body)
        except RegistryUnreachableError:
            # It may have said why it takes no more.
            if line.spoken:
                return Answer(line, head, Line.close)
            raise
        return Answer(line, head, keep)

    def _keeper(self, address: _Address) -> Callable[[Line], None]:
        def keep(line: Line) -> None:
            with self._lock:
                idle = self._idle.setdefault(address, [])
                if len(idle) < _KEPT:
                    return idle.append(line)
            line.close()

        return keep

    def _line(self, address: _Address, url: str, by: Proxy | None) -> Line:
        """A connection that was used before and is still there, or a new one."""
        while True:
            with self._lock:
                idle = self._idle.get(address)
                line = idle.pop() if idle else None
            if line is None:
                break
            if not line.spoken:
                return line
            line.close()  # the server has ended it
        try:
            return Line(address[1], address[2], self._tls() if address[0] == "https" else None, by)
        except RegistryUnreachableError as error:
            raise _unreachable(url, error.message) from error

    def _tls(self) -> "ssl.SSLContext":
        with self._lock:
            if self._context is None:
                import ssl

                try:
                    context = ssl.create_default_context(cafile=self._ca or None)
                except OSError as error:
                    raise RegistryUnreachableError(
                        f"the file of authorities cannot be read: {self._ca}: {reason(error)}"
                    ) from error
                if not self._verify:
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.set_alpn_protocols(["http/1.1"])
                self._context = context
            return self._context


def _sending(line: Line, body: Body) -> Iterator[None]:
    """Send all of `body`; before each piece it stops, for its caller to see whether that is still of use."""
    if line.plain and isinstance(body, FileIO):
        size = os.fstat(body.fileno()).st_size
        while body.tell() < size:
            yield
            if not line.send_file(body, _PIECE):
                return
        return
    for piece in _pieces(body):
        yield
        line.send(piece)


def _pieces(body: Body) -> Iterator[bytes | memoryview]:
    """The body's bytes; where it can fill a buffer, always in the same one."""
    fill = getattr(body, "readinto", None)
    if fill is None:
        while piece := body.read(_PIECE):
            yield piece
        return
    buffer = bytearray(_PIECE)
    with memoryview(buffer) as view:
        while count := fill(buffer):
            yield view[:count]


def _place(url: str) -> tuple[_Address, str]:
    """Where `url` leads, and what is asked for there."""
    parts = urlsplit(url)
    address = (parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
    if not (address[1] and address[2]):
        raise ValueError("it is no address of HTTP")
    return address, quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", _SAFE)


def _head(method: str, target: str, address: _Address, by: Proxy | None) -> str:
    scheme, host, port = address
    shown = written(host) if port == _PORTS[scheme] else f"{written(host)}:{port}"
    authorization = ""
    if by is not None and scheme == "http":
        # It is the proxy that reads this; over TLS it sees nothing of it.
        target = f"http://{shown}{target}"
        authorization = f"Proxy-Authorization: {by.authorization}\r\n" if by.authorization else ""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {shown}\r\nUser-Agent: dockyard/{__version__}\r\n"
        f"Accept-Encoding: identity\r\n{authorization}"
    )


def _clean(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a header would have unprintable characters")
    return value


def _unreachable(url: str, why: str) -> RegistryUnreachableError:
    shown = redact.url(url)
    return RegistryUnreachableError(f"cannot reach {shown}: {why}", context={"url": shown})
