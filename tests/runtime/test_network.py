"""Networks of a container's own: what words mean, and how things of this machine are reached from there."""

import pytest

from dockyard.runtime import network
from dockyard.runtime.network import NetworkUnknownError, chosen, proxies, resolver


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("http://127.0.0.1:3128", "http://10.0.2.2:3128"),
        ("http://user:word@localhost:3128/", "http://user:word@10.0.2.2:3128/"),
        ("socks5h://[::1]:1080", "socks5h://10.0.2.2:1080"),
        ("localhost:3128", "10.0.2.2:3128"),
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://192.0.2.1:3128", "http://192.0.2.1:3128"),
        ("http://[broken", "http://[broken"),
        ("http://localhost:99999", "http://localhost:99999"),
        ("", ""),
        (".example,10.0.0.0/8", ".example,10.0.0.0/8"),
    ],
)
def test_a_proxy_on_this_machines_loopback_is_reached_by_the_gateway(given: str, inside: str) -> None:
    assert proxies({"http_proxy": given}) == {"http_proxy": inside}


def test_what_is_not_to_be_proxied_stays() -> None:
    assert proxies({"no_proxy": "localhost", "NO_PROXY": "127.0.0.1"}) == {
        "no_proxy": "localhost",
        "NO_PROXY": "127.0.0.1",
    }


def test_the_resolver_keeps_what_names_are_completed_with() -> None:
    machine = "# a remark\nnameserver 127.0.0.53\nsearch example.org\noptions edns0\n\n"
    assert resolver(machine) == "search example.org\noptions edns0\nnameserver 10.0.2.3\n"


def test_a_word_names_a_network_and_an_unknown_one_is_refused() -> None:
    assert chosen("host", root=False) == "host"
    assert chosen("none", root=True) == "none"
    assert chosen("default", root=True) == "host"
    with pytest.raises(NetworkUnknownError, match="'bridge'"):
        chosen("bridge", root=True)


def test_without_a_program_the_default_is_the_machines_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_program", lambda: None)
    assert chosen("default", root=False) == "host"
