"""A receiver of webhooks, over real HTTP on loopback, that misbehaves on request."""

import ssl
import time
from dataclasses import dataclass

from making.answering import Answering, Handler


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Keeps what it gets. `status` is what it answers; `hang` makes it wait, `drip` answer a byte at a time."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.status = 204
        self.headers: dict[str, str] = {}
        self.answer = b""
        self.hang = 0.0
        self.drip = False
        receiver = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Received(self.path, headers, body))
                if receiver.drip:
                    return self._drip()
                time.sleep(receiver.hang)
                try:
                    self.answer(receiver.status, receiver.answer, receiver.headers)
                except OSError:
                    self.close_connection = True

            def _drip(self) -> None:
                try:
                    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(0.05)
                except OSError:
                    self.close_connection = True

        self._server = Answering(Handling, tls)
        self.address = self._server.address
        self.url = f"{self._server.url}/hook"

    def close(self) -> None:
        """Stop."""
        self._server.close()
