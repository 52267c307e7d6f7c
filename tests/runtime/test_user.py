"""Resolving USER."""

import pytest

from dockyard.runtime.user import User, UserUnknownError, resolve_user

PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/false\nshort:x:5\nwords:x:x:9::/w:\n"
GROUP = b"root:x:0:\nweb:x:33:\nlog:x:4:web,root\nadm:x:5:other\n"


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("", User(0, 0, (4,), "/root")),
        ("web", User(33, 33, (4,), "/srv")),
        ("33", User(33, 33, (4,), "/srv")),
        ("web:log", User(33, 4, (), "/srv")),
        ("web:77", User(33, 77, (), "/srv")),
        ("1234", User(1234, 0, (), "/")),
        ("1234:5", User(1234, 5, (), "/")),
        (":log", User(0, 4, (), "/root")),
        (":", User(0, 0, (4,), "/root")),
        ("+33:007:9", User(33, 7, (), "/srv")),
        ("short", User(5, 0, (), "")),
        ("words", User(0, 9, (), "/root")),
    ],
)
def test_users_mean_what_docker_means(text: str, user: User) -> None:
    assert resolve_user(text, PASSWD, GROUP) == user


@pytest.mark.parametrize("text", ["nobody", "web:nogroup", "99999999999", "-1"])
def test_unknown_users_and_groups_are_refused(text: str) -> None:
    with pytest.raises(UserUnknownError):
        resolve_user(text, PASSWD, GROUP)
