"""Registries behind a proxy: pull, push and downloads go by it, by CONNECT where there is TLS."""

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard._internal import retry
from dockyard._internal.proxy import Proxies
from dockyard.build.sources.download import DownloadError, download
from dockyard.content.distribution import Distribution, Suite
from dockyard.content.layout import Layout
from dockyard.content.memory import Memory
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credential
from dockyard.registry.pull import pull
from dockyard.registry.settings import parse
from dockyard.registry.transport import RegistryUnreachableError
from dockyard.registry.wire.line import ProxyRefusedError
from dockyard.registry.wire.pool import Pool
from dockyard.server.mirror.settings import Mirror
from dockyard.server.mirror.upstream import upstreams
from making.authority import authority
from making.images import synthesize
from making.proxying import Proxying
from making.registries import FaultyRegistry
from making.scripted import Scripted

NAME = "registry.example"
LOGIN = "Basic " + base64.b64encode(b"us@er:geheim").decode()
PAIR = "us%40er:geheim@"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 99))


@contextlib.contextmanager
def proxying(
    address: str = "", *, login: str = "", tls: bool = False, folder: Path | None = None
) -> Iterator[Proxying]:
    context = authority(folder, "proxy")[1] if tls and folder else None
    proxy = Proxying({NAME: address} if address else {}, login=login, tls=context)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FaultyRegistry, str]]:
    """A registry, and the settings to reach it under its name."""
    store = Memory()
    pem, context = authority(tmp_path, "ours", NAME)
    made = FaultyRegistry(
        store, synthesize(store, 1, layers=2, files=4, size=40_000), context if request.param else None
    )
    yield made, f'[registries."{NAME}"]\n' + (f'ca = "{pem}"\n' if request.param else "insecure = true\n")
    made.close()


def variables(proxy: Proxying, pair: str = "", scheme: str = "http") -> Proxies:
    url = f"{scheme}://{pair}{proxy.address}"
    return Proxies.of({"HTTP_PROXY": url, "HTTPS_PROXY": url})


@pytest.mark.parametrize("login", ["", LOGIN])
def test_a_pull_goes_by_the_proxy_and_its_login_reaches_nobody_else(
    registry: tuple[FaultyRegistry, str], tmp_path: Path, login: str
) -> None:
    served, settings = registry
    served.token = "" if "ca" in settings else "sesame"  # its tokens are at a place without TLS
    with proxying(served.address, login=login) as proxy:
        credential = Credential("me", "pass")
        client = Client(parse(settings.encode()), lambda _: credential, variables(proxy, PAIR if login else ""))
        # The token's realm has the address of loopback, which is reached without the proxy.
        found = pull(Reference.parse(f"{NAME}/a/b:1"), Layout(tmp_path / "store", create=True), client=client)
    assert found.digest == served.image.descriptor.digest
    tls = "ca" in settings
    assert all(line.startswith(f"CONNECT {NAME}:443 " if tls else f"GET http://{NAME}/") for line in proxy.asked[1:])
    if tls:  # what goes through the tunnel is for the registry only
        assert all("authorization" not in head for head in proxy.heads)
        assert len(proxy.asked) < served.seen.total()  # a tunnel is used again
    assert {value for value in served.authorizations if value.startswith("Basic")} <= {
        "Basic " + base64.b64encode(b"me:pass").decode()
    }


@pytest.mark.parametrize("pair", ["", "us%40er:wrong@"])
def test_a_proxy_that_wants_another_login_is_named_without_the_password(
    registry: tuple[FaultyRegistry, str], tmp_path: Path, pair: str
) -> None:
    served, settings = registry
    with proxying(served.address, login=LOGIN) as proxy:
        client = Client(parse(settings.encode()), lambda _: None, variables(proxy, pair))
        with pytest.raises(ProxyRefusedError, match="407") as refused:
            pull(Reference.parse(f"{NAME}/a/b:1"), Layout(tmp_path / "store", create=True), client=client)
    assert proxy.address in refused.value.message
    assert "wrong" not in str(refused.value.to_json())
    assert refused.value.exit_code == 2
    assert served.seen.total() == 0


def test_what_a_proxy_does_not_connect_to_says_which_proxy() -> None:
    with proxying() as proxy:
        pool = Pool(proxies=variables(proxy))
        with pytest.raises(ProxyRefusedError, match="403"):
            pool.request("GET", "https://forbidden.example/")
        with pytest.raises(RegistryUnreachableError, match=f"{proxy.address} does not connect to it: 502"):
            pool.request("GET", "https://absent.invalid/")
    with pytest.raises(RegistryUnreachableError, match=f"by the proxy http://{proxy.address}: Connection refused"):
        pool.request("GET", "https://absent.invalid/")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
        b"HTTP/1.1 200 OK\r\n\r\nearly bytes that would be taken for the server's",
    ],
)
def test_what_answers_connect_as_no_proxy_does_is_an_unreachable_registry(said: bytes) -> None:
    with Scripted([[said]], bodies=False) as server:
        proxies = Proxies.of({"HTTPS_PROXY": f"http://{server.address}"})
        with pytest.raises(RegistryUnreachableError):
            Pool(proxies=proxies).request("GET", f"https://{NAME}/")


def test_a_proxy_is_spoken_to_over_tls_where_its_url_says_so(
    registry: tuple[FaultyRegistry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, settings = registry
    with proxying(served.address, login=LOGIN, tls=True, folder=tmp_path) as proxy:
        client = Client(parse(settings.encode()), lambda _: None, variables(proxy, PAIR, "https"))
        wanted, store = Reference.parse(f"{NAME}/a/b:1"), Layout(tmp_path / "store", create=True)
        with pytest.raises(RegistryUnreachableError, match=r"by the proxy https.*certificate"):
            pull(wanted, store, client=client)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "proxy.pem"))
        assert pull(wanted, store, client=client).digest == served.image.descriptor.digest


def test_a_large_body_goes_up_by_a_tunnel_and_a_plain_proxy(tmp_path: Path) -> None:
    body = b"0123456789abcdef" * 100_000
    pem, context = authority(tmp_path, "ours", NAME)
    from making.answering import Answering, Handler

    class Taking(Handler):
        def respond(self, body: bytes) -> None:
            self.answer(201, str(len(body)).encode())

    for scheme, tls in (("http", None), ("https", context)):
        server = Answering(Taking, tls)
        try:
            with proxying(server.address) as proxy:
                pool = Pool(ca=str(pem), proxies=variables(proxy))
                assert pool.request("POST", f"{scheme}://{NAME}/x?y=%20z", body=body).read() == str(len(body)).encode()
                assert proxy.asked[0].split()[:2] == (
                    ["POST", f"http://{NAME}/x?y=%20z"] if tls is None else ["CONNECT", f"{NAME}:443"]
                )
        finally:
            server.close()


def test_a_download_goes_by_the_proxy_with_its_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]]
    with Scripted(answers) as server, proxying(server.address, login=LOGIN) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{PAIR}{proxy.address}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        found = download(f"http://{NAME}/file", tmp_path, "", {}, SILENT)
        assert found.path.read_bytes() == b"hello"
        monkeypatch.setenv("HTTP_PROXY", f"http://u:falsch@{proxy.address}")
        with pytest.raises(Exception, match="407") as refused:
            download(f"http://{NAME}/other", tmp_path, "", {}, SILENT)
        assert "falsch" not in str(refused.value)
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:falsch@{proxy.address}")
        with pytest.raises(DownloadError, match="407"):
            download(f"https://{NAME}/other", tmp_path, "", {}, SILENT)


def test_a_distribution_s_archive_is_reached_by_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with Scripted([[answer]]) as server, proxying(server.address, login=LOGIN) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{PAIR}{proxy.address}")
        suite = Suite(f"http://{NAME}/debian", "bookworm")
        with pytest.raises(UsageError, match="no keyring"):  # which is looked for once the file is there
            Distribution(tmp_path / "cache", tmp_path / "absent.gpg").release(suite)
        assert proxy.asked == [f"GET http://{NAME}/debian/dists/bookworm/InRelease HTTP/1.1"]


def test_a_mirror_s_upstream_is_reached_by_the_proxy(
    registry: tuple[FaultyRegistry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, settings = registry
    tls = "ca" in settings
    with proxying(served.address) as proxy:
        monkeypatch.setenv("HTTPS_PROXY" if tls else "HTTP_PROXY", f"http://{proxy.address}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        mirror = Mirror(upstream=NAME, insecure=not tls, ca=str(tmp_path / "ours.pem") if tls else "")
        (upstream,) = upstreams([mirror])
        assert upstream.ask("a/b", lambda place: place.resolve("1")).digest == served.image.descriptor.digest
    assert proxy.asked
