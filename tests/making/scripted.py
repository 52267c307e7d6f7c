"""A server that says what it is told to, whatever it is asked: for what no proper server would say."""

import socket
import threading
from collections.abc import Sequence
from typing import Self


class Scripted:
    """For each connection in turn, a list of answers: one for each request on it, then the connection ends.

    A request is read to the end of its head; with `bodies`, to the end of its body, too. `heads` and `contents` keep
    what came.
    """

    def __init__(self, connections: Sequence[Sequence[bytes]], *, bodies: bool = True) -> None:
        self._connections, self._bodies = connections, bodies
        self.heads: list[bytes] = []
        self.contents: list[bytes] = []
        self.taken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *values: object) -> None:
        # Who still waits for a connection gets one, and nothing comes over it.
        with socket.socket() as last:
            last.connect_ex(self._listener.getsockname())
            self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        for answers in self._connections:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(10)
                self.taken += 1
                for answer in answers:
                    head = self._request(connection)
                    if not head:
                        break
                    self.heads.append(head)
                    connection.sendall(answer)

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, begun = data.partition(b"\r\n\r\n")
        body = bytearray(begun)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        left = (int(length) if length else 0) - len(body)
        while self._bodies and left > 0 and (piece := connection.recv(65536)):
            left -= len(piece)
            body += piece
        self.contents.append(bytes(body))
        return head
