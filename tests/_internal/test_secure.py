"""TLS over a connection, and over the TLS of a proxy."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard._internal.proxy import Proxy
from dockyard._internal.secure import secured
from making.answering import Answering, Handler
from making.authority import authority
from making.proxying import Proxying

NAME = "registry.example"


class _Greeting(Handler):
    def respond(self, body: bytes) -> None:
        self.answer(200, b"hello")


@contextlib.contextmanager
def reached(folder: Path, *, by_proxy: bool) -> Iterator[tuple[Any, Path]]:
    """A connection to a server that speaks TLS, by way of one more TLS where that is wanted, and whom to trust."""
    pem, context = authority(folder, "ours", NAME)
    server = Answering(_Greeting, context)
    proxy = Proxying({NAME: server.address}, tls=context)
    try:
        host, _, port = (proxy.address if by_proxy else server.address).partition(":")
        line: Any = socket.create_connection((host, int(port)), 20)
        if by_proxy:
            line = secured(line, ssl.create_default_context(cafile=str(pem)), host)
            line.sendall(Proxy(host, int(port)).connect(NAME, 443))
            assert b" 200 " in line.recv(1000)
        with line:
            yield line, pem
    finally:
        proxy.close()
        server.close()


@pytest.mark.parametrize("by_proxy", [False, True], ids=["over a connection", "over TLS"])
def test_what_is_asked_is_answered(by_proxy: bool, tmp_path: Path) -> None:
    with reached(tmp_path, by_proxy=by_proxy) as (line, pem):
        secure = secured(line, ssl.create_default_context(cafile=str(pem)), NAME)
        secure.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        said = b""
        while b"hello" not in said:
            more = secure.recv(1000)
            assert more
            said += more
        secure.close()


@pytest.mark.parametrize("by_proxy", [False, True], ids=["over a connection", "over TLS"])
@pytest.mark.parametrize("fault", ["another name", "another authority"])
def test_whoever_cannot_prove_its_name_is_refused(by_proxy: bool, fault: str, tmp_path: Path) -> None:
    with reached(tmp_path, by_proxy=by_proxy) as (line, pem):
        trust = ssl.create_default_context(cafile=str(pem) if fault == "another name" else None)
        with pytest.raises(ssl.SSLCertVerificationError):
            secured(line, trust, NAME if fault == "another authority" else "elsewhere.example")
