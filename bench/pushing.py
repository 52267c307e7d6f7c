"""A client that pushes blobs and does next to nothing beside it, so that what is measured is the server.

Each connection is kept and has a process of its own: what one parses holds up no other. The bytes are made and hashed
before, and each request goes out with one call.
"""

import hashlib
import multiprocessing
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

_LOCATION = re.compile(rb"\r\nlocation: (?:https?://[^/\r]+)?([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def push(port: int, name: str, blobs: list[bytes], connections: int, headers: Mapping[str, str]) -> float:
    """Bytes a second of pushing `blobs` to a registry on loopback, each by POST and PUT.

    Raises:
        RuntimeError: a push was not answered with 201.
    """
    digests = [hashlib.sha256(each).hexdigest() for each in blobs]
    shown = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    shares = [list(zip(digests, blobs, strict=True))[at::connections] for at in range(connections)]
    context = multiprocessing.get_context("fork")
    start, ended = context.Barrier(connections + 1), context.SimpleQueue()
    children = [context.Process(target=_work, args=(port, name, share, shown, start, ended)) for share in shares]
    for child in children:
        child.start()
    start.wait(30)
    began = time.perf_counter()
    said = [ended.get() for _ in children]
    seconds = time.perf_counter() - began
    for child in children:
        child.join()
    wrong = [each for each in said if each]
    if wrong:
        raise RuntimeError(wrong[0])
    return sum(map(len, blobs)) / seconds


def _work(port: int, name: str, share: list[tuple[str, bytes]], shown: str, start: Any, ended: Any) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        common = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{shown}Content-Length:"
        begin = f"POST /v2/{name}/blobs/uploads/ {common} 0\r\n\r\n".encode()
        start.wait(30)
        try:
            for digest, blob in share:
                line.sendall(begin)
                place = _LOCATION.search(_answer(line, b"202"))
                assert place is not None
                where = place[1].decode()
                query = f"{'&' if '?' in where else '?'}digest=sha256:{digest}"
                _send(line, f"PUT {where}{query} {common} {len(blob)}\r\n\r\n".encode(), blob)
                _answer(line, b"201")
            ended.put("")
        except Exception as error:  # noqa: BLE001 (told to whoever waits)
            ended.put(f"a push failed: {error}")


def _send(line: socket.socket, head: bytes, body: bytes) -> None:
    sent = line.sendmsg([head, body]) - len(head)
    if sent < len(body):
        line.sendall(memoryview(body)[sent:])


def _answer(line: socket.socket, status: bytes) -> bytes:
    """The head of an answer, once its body has come, too."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = line.recv(65536)
        if not more:
            raise RuntimeError("the connection was closed")
        data += more
    head = data[:end]
    if head[9:12] != status:
        raise RuntimeError(f"the answer is {data[:200]!r}")
    found = _LENGTH.search(head)
    left = (int(found[1]) if found else 0) - (len(data) - end - 4)
    while left > 0:
        left -= len(line.recv(left))
    return head
