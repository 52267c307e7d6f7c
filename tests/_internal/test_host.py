"""Hosts as URLs and HTTP have them."""

import pytest

from dockyard._internal.host import written


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("registry.example", "registry.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "[fd00::1]"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_written_in_ascii_and_an_ipv6_address_in_brackets(host: str, expected: str) -> None:
    assert written(host) == expected


@pytest.mark.parametrize("host", ["ü" * 70, "a..ü"])
def test_what_no_name_is_like_is_refused(host: str) -> None:
    with pytest.raises(UnicodeError):
        written(host)
