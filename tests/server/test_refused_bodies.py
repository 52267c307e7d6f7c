"""A client that is refused while it still sends comes to see why, and not only that its connection ended."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from making.serving import Server

pytestmark = pytest.mark.slow
ABSENT = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("registry"))
    yield server
    server.stop()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/v2/a/b/blobs/uploads/nope", 404),
        ("PUT", f"/v2/a/b/blobs/uploads/nope?digest={ABSENT}", 404),
        ("POST", "/v2/a/b/blobs/uploads/?digest=sha256:x", 400),
        ("PUT", "/v2/a/b/manifests/1", 413),
        ("PUT", "/v2/NO/manifests/1", 400),
    ],
)
def test_the_answer_comes_though_most_of_the_body_is_still_to_be_sent(
    server: Server, method: str, path: str, status: int, *, chunked: bool
) -> None:
    piece = b"x" * (1 << 20)
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        body = iter([piece] * 24) if chunked else piece * 24
        connection.request(
            method, path, body, encode_chunked=chunked, headers={"Transfer-Encoding": "chunked"} if chunked else {}
        )
        answer = connection.getresponse()
        assert (answer.status, b"errors" in answer.read()) == (status, True)
        connection.close()


@pytest.mark.parametrize("path", ["/v2/a/b/blobs/uploads/nope", "/v2/NO/blobs/uploads/nope"], ids=["short", "long"])
def test_what_comes_without_end_after_a_refusal_is_cut_off(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {10 << 30}\r\n\r\n".encode())
        sent, until = 0, time.monotonic() + 30
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                sent += client.send(b"x" * (1 << 20))
        assert time.monotonic() < until
        assert sent < 200 << 20


def test_a_client_that_waits_to_be_told_to_send_is_not_told_to(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        head = "PUT /v2/NO/manifests/1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 400")
