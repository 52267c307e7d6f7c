"""Whom the registry believes where requests come from."""

from typing import Any

import pytest

from dockyard.errors import UsageError
from dockyard.registry.app.forwarded import Forwarded


def scope(peer: str, *said: str) -> dict[str, Any]:
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", each.encode()) for each in said]}


def test_nobody_is_believed_unless_that_is_asked_for() -> None:
    assert Forwarded().address(scope("192.0.2.1", "198.51.100.7")) == "192.0.2.1"
    assert not Forwarded().believes(scope("127.0.0.1"))
    assert Forwarded().address({"client": None, "headers": []}) == ""


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ((), "192.0.2.1"),
        (("",), "192.0.2.1"),
        (("1.1.1.1, 198.51.100.7",), "198.51.100.7"),
        (("1.1.1.1", "198.51.100.7"), "198.51.100.7"),
    ],
)
def test_who_believes_everybody_takes_what_the_nearest_proxy_says(said: tuple[str, ...], address: str) -> None:
    assert Forwarded(trusted=True).address(scope("192.0.2.1", *said)) == address


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("::ffff:10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.7, 10.9.9.9", "2001:db8::5"), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.2, 10.0.0.3",), "10.0.0.2"),
        ("10.0.0.1", ("nonsense",), "nonsense"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("2001:db8::1", ("198.51.100.7",), "198.51.100.7"),
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("2001:db9::1", ("198.51.100.7",), "2001:db9::1"),
        ("", ("198.51.100.7",), ""),
    ],
)
def test_only_named_proxies_are_believed_and_a_client_cannot_speak_for_them(
    peer: str, said: tuple[str, ...], address: str
) -> None:
    forwarded = Forwarded(("10.0.0.0/8", "2001:db8::/32"))
    assert forwarded.address(scope(peer, *said)) == address


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", ""])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a network"):
        Forwarded((text,))
