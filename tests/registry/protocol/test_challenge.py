"""How a registry says where to get a token."""

import pytest

from dockyard.registry.protocol.challenge import Challenge, parse


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        (
            'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
            "bearer",
            {"realm": "https://auth.example/token", "service": "registry.example", "scope": "repository:a/b:pull,push"},
        ),
        ('BEARER Realm = "x" , Service = y', "bearer", {"realm": "x", "service": "y"}),
        (r'Bearer realm="a \"b\" \\c"', "bearer", {"realm": r'a "b" \c'}),
        ("Basic", "basic", {}),
        ('Basic realm=""', "basic", {"realm": ""}),
        ('Bearer realm="x" junk,service="y"', "bearer", {}),
        ('Bearer realm="x",;;,service="y"', "bearer", {"realm": "x"}),
        ('Bearer realm="never ended', "bearer", {}),
        ("", "", {}),
    ],
)
def test_a_challenge_is_read_as_far_as_it_is_one(header: str, scheme: str, parameters: dict[str, str]) -> None:
    assert parse(header) == Challenge(scheme, parameters)


def test_a_long_header_takes_no_long_time() -> None:
    assert parse("Bearer " + 'a="' + "\\" * 100_000).parameters == {}
    assert parse("Bearer " + "a=b," * 100_000).parameters == {"a": "b"}
