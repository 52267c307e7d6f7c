"""Webhooks behind a proxy: they go by it as everything else does, and still only where they are allowed to."""

import base64
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.server.webhooks.sending import Outcome, send
from dockyard.server.webhooks.settings import Webhooks
from making.authority import authority
from making.proxying import Proxying
from making.receivers import Receiver

pytestmark = pytest.mark.slow

HOST, PUBLIC = "hook.example", "93.184.215.14"
LOGIN = "Basic " + base64.b64encode(b"us@er:geheim").decode()


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def receiver(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    pem, context = authority(tmp_path, "ours", HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    receiver = Receiver(context if scheme == "https" else None)
    yield receiver
    receiver.close()


@pytest.fixture(params=[False, True], ids=["plain proxy", "proxy with TLS"])
def proxy(
    request: pytest.FixtureRequest, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxying]:
    context: ssl.SSLContext | None = None
    if request.param:
        pem, context = authority(tmp_path, "proxy")
        both = tmp_path / "both.pem"
        both.write_bytes(pem.read_bytes() + (tmp_path / "ours.pem").read_bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
    proxy = Proxying({HOST: receiver.address, PUBLIC: receiver.address}, login=LOGIN, tls=context)
    url = f"{'https' if request.param else 'http'}://us%40er:geheim@{proxy.address}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    yield proxy
    proxy.close()


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where names live, as this machine's resolver says it; all others are unknown."""
    known: dict[str, str] = {}
    usual = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host == HOST:
            if HOST not in known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = known[HOST]
        return usual(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return known


def post(scheme: str, **settings: Any) -> Outcome:
    return send(f"{scheme}://{HOST}/hook?x=1", {"webhook-id": "7"}, b"{}", Webhooks(timeout=5, **settings))


def test_the_proxy_is_told_the_public_address_that_was_looked_up(
    scheme: str, receiver: Receiver, proxy: Proxying, lives: dict[str, str]
) -> None:
    lives[HOST] = PUBLIC
    outcome = post(scheme)
    assert (outcome.status, outcome.error) == (204, "")
    assert proxy.asked == [f"CONNECT {PUBLIC}:{443 if scheme == 'https' else 80} HTTP/1.1"]
    [request] = receiver.requests
    assert (request.path, request.headers["host"], request.headers["webhook-id"]) == ("/hook?x=1", HOST, "7")
    assert "proxy-authorization" not in request.headers


def test_no_proxy_leads_to_an_address_that_is_not_public(
    scheme: str, receiver: Receiver, proxy: Proxying, lives: dict[str, str]
) -> None:
    for address in ("10.0.0.7", "169.254.169.254"):
        lives[HOST] = address
        for hosts in ([], [HOST]):
            assert "not a public address" in post(scheme, hosts=hosts).error
        direct = send(f"{scheme}://{address}/", {}, b"{}", Webhooks(timeout=5))
        assert "not a public address" in direct.error
    assert (proxy.asked, receiver.requests) == ([], [])


def test_only_a_host_that_the_settings_name_is_looked_up_by_the_proxy(
    scheme: str, receiver: Receiver, proxy: Proxying, lives: dict[str, str]
) -> None:
    refused = post(scheme)
    assert "cannot be looked up here" in refused.error
    assert "`hosts`" in refused.error
    assert (proxy.asked, receiver.requests) == ([], [])
    assert post(scheme, hosts=[HOST]).status == 204
    asked = f"CONNECT {HOST}:443" if scheme == "https" else f"POST http://{HOST}/hook?x=1"
    assert proxy.asked == [f"{asked} HTTP/1.1"]
    assert receiver.requests[0].headers["host"] == HOST
    assert "proxy-authorization" not in receiver.requests[0].headers


def test_whom_no_proxy_names_is_reached_directly_and_only_at_public_addresses(
    scheme: str, receiver: Receiver, proxy: Proxying, lives: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", HOST)
    lives[HOST] = "127.0.0.1"
    assert "not a public address" in post(scheme).error
    url = f"{scheme}://{HOST}:{receiver.address.rpartition(':')[2]}/hook"
    assert send(url, {}, b"{}", Webhooks(timeout=5, private_addresses=True)).status == 204
    assert (len(receiver.requests), proxy.asked) == (1, [])


def test_what_the_proxy_refuses_is_said(
    scheme: str, receiver: Receiver, proxy: Proxying, lives: dict[str, str]
) -> None:
    lives[HOST] = "93.184.215.99"
    assert "does not connect to 93.184.215.99" in post(scheme).error
    proxy.login = "Basic other"
    error = post(scheme, hosts=[HOST]).error
    assert "407" in error or "asks for a login" in error
    assert "geheim" not in error
    assert receiver.requests == []


def test_a_proxy_that_says_nothing_takes_no_more_than_the_time_of_a_try(
    receiver: Receiver, scheme: str, lives: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lives[HOST] = PUBLIC
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{silent.getsockname()[1]}")
        outcome = send(f"{scheme}://{HOST}/", {}, b"{}", Webhooks(timeout=0.3))
    assert "within 0.3 s" in outcome.error
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "socks5://x")
    assert "names no proxy" in post(scheme).error
