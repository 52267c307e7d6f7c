"""A proxy on loopback for HTTP and, by CONNECT, for anything: as companies have them, with or without a login."""

import http.client
import select
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from making.answering import Answering, Handler


class Proxying:
    """Sends what is asked of it on to where `places` says that a name lives (`host:port` of loopback by host).

    `login` is the Proxy-Authorization that it wants. `asked` keeps each request line, `heads` its headers.
    """

    def __init__(self, places: Mapping[str, str], *, login: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.places, self.login = places, login
        self.asked: list[str] = []
        self.heads: list[Mapping[str, str]] = []
        proxy = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                proxy._forward(self, body)

            do_PATCH = Handler.do_GET  # noqa: N815

            def do_CONNECT(self) -> None:  # noqa: N802
                proxy._connect(self)

        self._server = Answering(Handling, tls)
        self.address = self._server.address

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _place(self, request: Handler, host: str) -> tuple[str, int] | None:
        self.asked.append(request.requestline)
        self.heads.append({name.lower(): value for name, value in request.headers.items()})
        if self.login and request.headers.get("Proxy-Authorization") != self.login:
            request.answer(407, b"", {"Proxy-Authenticate": 'Basic realm="proxy"'})
        elif host not in self.places:
            request.answer(502 if host.endswith(".invalid") else 403)
        else:
            name, _, port = self.places[host].partition(":")
            return name, int(port)
        return None

    def _forward(self, request: Handler, body: bytes) -> None:
        parts = urlsplit(request.path)
        if not (place := self._place(request, parts.hostname or "")):
            return
        line = http.client.HTTPConnection(*place)
        path = request.path.partition(parts.netloc)[2] or "/"
        sent = {name: value for name, value in request.headers.items() if not name.lower().startswith("proxy-")}
        line.request(request.command, path, body, sent)
        answer = line.getresponse()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in ("content-length", "transfer-encoding")}
        if request.command == "HEAD":
            request.send_response(answer.status)
            for name, value in answer.getheaders():
                request.send_header(name, value)
            request.end_headers()
        else:
            request.answer(answer.status, answer.read(), kept)
        line.close()

    def _connect(self, request: Handler) -> None:
        if not (place := self._place(request, request.path.rpartition(":")[0])):
            return
        with socket.create_connection(place) as there:
            request.wfile.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 here\r\n\r\n")
            _both_ways(request.connection, there)
        request.close_connection = True


def _both_ways(here: Any, there: socket.socket) -> None:
    ends = {here: there, there: here}
    while True:
        pending = isinstance(here, ssl.SSLSocket) and here.pending()
        for end in [here] if pending else select.select(list(ends), [], [])[0]:
            try:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)
            except OSError:
                return
