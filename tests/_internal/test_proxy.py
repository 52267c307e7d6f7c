"""Which proxy a URL goes by: as Go's net/http reads the variables, so that one setting does for every tool."""

import base64

import pytest

from dockyard._internal.proxy import Proxies, Proxy, ProxyInvalidError

ONE = {"HTTP_PROXY": "http://one:3128", "HTTPS_PROXY": "http://two:3129"}


def way(environment: dict[str, str], url: str) -> str:
    """The proxy that `url` goes by; empty for none."""
    return str(Proxies.of(environment).to(url) or "")


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({}, "https://registry.example/", ""),
        (ONE, "http://registry.example/", "http://one:3128"),
        (ONE, "https://registry.example/v2/", "http://two:3129"),
        ({"https_proxy": "two"}, "https://registry.example/", "http://two:80"),
        ({"HTTPS_PROXY": "", "https_proxy": "two:1"}, "https://registry.example/", "http://two:1"),
        ({"HTTPS_PROXY": "https://two"}, "https://registry.example/", "https://two:443"),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, "https://registry.example/", "http://[fd00::1]:3128"),
        ({"ALL_PROXY": "http://one:3128"}, "https://registry.example/", ""),
        # httpoxy: what a CGI program finds there came with a request.
        ({"REQUEST_METHOD": "GET", **ONE}, "http://registry.example/", ""),
        ({"REQUEST_METHOD": "GET", **ONE}, "https://registry.example/", "http://two:3129"),
    ],
)
def test_the_variable_for_the_scheme_names_the_proxy(environment: dict[str, str], url: str, expected: str) -> None:
    assert way(environment, url) == expected


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"])
def test_this_machine_is_never_reached_by_a_proxy(host: str) -> None:
    assert way(ONE, f"http://{host}/") == ""


@pytest.mark.parametrize(
    ("without", "host", "spared"),
    [
        ("*", "registry.example", True),
        ("registry.example", "registry.example", True),
        ("registry.example", "REGISTRY.example.", True),
        ("registry.example", "a.registry.example", True),
        ("registry.example", "myregistry.example", False),
        (".example", "registry.example", True),
        (".example", "example", False),
        ("*.example", "registry.example", True),
        ("*.example", "example", False),
        ("a, registry.example ,b", "registry.example", True),
        ("registry.example:443", "registry.example", True),
        ("registry.example:443", "registry.example:5000", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "registry.example", False),
        ("10.0.0.0/800", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3:5000", True),
        ("10.1.2.3:5000", "10.1.2.3:5000", True),
        ("10.1.2.3:5001", "10.1.2.3:5000", False),
        ("fd00::/8", "[fd00::1]:5000", True),
        ("fd00::1", "[fd00:0::1]", True),
        ("[fd00::1]:443", "[fd00::1]", True),
        ("2.3", "10.1.2.3", False),
        ("", "registry.example", False),
        (",,", "registry.example", False),
    ],
)
def test_no_proxy_spares_names_domains_addresses_networks_and_ports(without: str, host: str, spared: bool) -> None:
    assert (way({**ONE, "NO_PROXY": without}, f"https://{host}/") == "") is spared
    assert (way({**ONE, "no_proxy": without}, f"https://{host}/") == "") is spared


def test_a_login_is_decoded_and_never_shown() -> None:
    proxy = Proxies.of({"HTTPS_PROXY": "http://us%40er:p%3Aass%C3%A9@two:3129"}).to("https://registry.example/")
    assert proxy is not None
    assert base64.b64decode(proxy.authorization.removeprefix("Basic ")).decode() == "us@er:p:assé"
    shown = f"{proxy} {proxy!r} {Proxies.of({'HTTPS_PROXY': 'http://u:geheim@two'})!r}"
    assert "ass" not in shown.replace("class", "")
    assert "geheim" not in shown


@pytest.mark.parametrize("value", ["socks5://one:1080", "http://", "http://one:port", "http://[one", "ftp://one"])
def test_what_names_no_proxy_is_refused_when_it_is_needed(value: str) -> None:
    proxies = Proxies.of({"HTTPS_PROXY": value, "NO_PROXY": "spared.example"})
    assert proxies.to("https://spared.example/") is None
    assert proxies.to("http://registry.example/") is None
    with pytest.raises(ProxyInvalidError, match="HTTPS_PROXY"):
        proxies.to("https://registry.example/")


def test_a_wrong_proxy_s_password_is_not_shown() -> None:
    with pytest.raises(ProxyInvalidError) as refused:
        Proxies.of({"HTTPS_PROXY": "socks5://u:geheim@one:1080"}).to("https://registry.example/")
    assert "geheim" not in str(refused.value)


def test_no_password_is_shown_by_accident() -> None:
    proxies = Proxies.of({"HTTPS_PROXY": "http://me:secret@proxy.example:3128", "NO_PROXY": "a.example"})
    proxy = proxies.to("https://registry.example/")
    assert proxy is not None
    assert proxy.authorization
    for each in (proxies, proxy):
        assert "secret" not in repr(each) + str(each)
        assert "authorization" not in repr(each)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("registry.example", "registry.example:443"),
        ("fd00::1", "[fd00::1]:443"),
        ("bücher.example", "xn--bcher-kva.example:443"),
    ],
)
def test_a_proxy_is_asked_to_connect_to_a_host_as_http_names_it(host: str, place: str) -> None:
    asked = Proxy("two", 3128).connect(host, 443)
    assert asked == f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()


def test_only_a_proxy_that_wants_a_login_is_given_one() -> None:
    asked = Proxy("two", 3128, authorization="Basic dTpw").connect("registry.example", 443)
    assert asked.endswith(b"\r\nProxy-Authorization: Basic dTpw\r\n\r\n")
    assert b"Authorization" not in Proxy("two", 3128).connect("registry.example", 443)
