"""Clients that take nothing of many answers on one connection of HTTP/2 cost a bounded amount of memory."""

import hashlib
import http.client
import json
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from making.serving import Server

pytestmark = pytest.mark.slow

SIZE, BLOBS, CONNECTIONS, ASKED = 1 << 20, 40, 4, 100
NAME = "shop/web"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, "--tls-self-made")
    yield server
    server.kill()


def unchecked(*protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def pushed(server: Server) -> list[str]:
    """An image with many layers of the size that is still answered from memory, each of which was asked for before."""
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=unchecked())

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> None:
        connection.request(method, path, body, {"content-length": str(len(body)), **headers})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status in (200, 201), said

    digests = []
    for data in [b"{}", *(os.urandom(16) * (SIZE // 16) for _ in range(BLOBS))]:
        digests.append("sha256:" + hashlib.sha256(data).hexdigest())
        ask("POST", f"/v2/{NAME}/blobs/uploads/?digest={digests[-1]}", data)
    layer, config = (f"application/vnd.oci.image.{each}" for each in ("layer.v1.tar", "config.v1+json"))
    manifest = "application/vnd.oci.image.manifest.v1+json"
    document = {
        "schemaVersion": 2,
        "mediaType": manifest,
        "config": {"mediaType": config, "digest": digests[0], "size": 2},
        "layers": [{"mediaType": layer, "digest": each, "size": SIZE} for each in digests[1:]],
    }
    ask("PUT", f"/v2/{NAME}/manifests/1", json.dumps(document).encode(), **{"content-type": manifest})
    for each in digests[1:]:
        ask("GET", f"/v2/{NAME}/blobs/{each}")
    connection.close()
    return digests[1:]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header as HPACK has it without any table."""
    parts = [each.encode() for each in (name, value)]
    return b"\0" + b"".join((bytes([len(p)]) if len(p) < 127 else bytes([127, len(p) - 127])) + p for p in parts)


def silent(server: Server, digests: list[str], **headers: str) -> socket.socket:
    """A connection that asks for many blobs and allows no byte of them to be sent."""
    line = unchecked("h2").wrap_socket(socket.create_connection(("127.0.0.1", server.port)))
    assert line.selected_alpn_protocol() == "h2"
    no_window = frame(4, 0, 0, struct.pack(">HI", 4, 0))
    line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + no_window)
    for number in range(ASKED):
        path = f"/v2/{NAME}/blobs/{digests[number % len(digests)]}"
        words = {":method": "GET", ":scheme": "https", ":authority": "x", ":path": path, **headers}
        line.sendall(frame(1, 5, 2 * number + 1, b"".join(literal(*each) for each in words.items())))
    return line


def memory(server: Server) -> int:
    """Bytes that the server has in memory of its own."""
    text = Path(f"/proc/{server.child.pid}/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0]) * 1024


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=1-"}, {"range": "bytes=0-9,20-"}], ids=str)
def test_answers_that_nobody_takes_are_not_held_whole(server: Server, headers: dict[str, str]) -> None:
    digests = pushed(server)
    before = memory(server)
    lines = [silent(server, digests, **headers) for _ in range(CONNECTIONS)]
    time.sleep(3)
    grown = memory(server) - before
    for each in lines:
        each.close()
    assert grown < CONNECTIONS * (12 << 20) + (24 << 20), f"{grown >> 20} MiB"
    probe = http.client.HTTPSConnection("127.0.0.1", server.port, context=unchecked(), timeout=10)
    probe.request("GET", "/healthz")
    answer = probe.getresponse()
    assert (answer.status, bool(answer.read())) == (200, True)
    probe.close()
