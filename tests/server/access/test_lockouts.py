"""Admins see who has to wait after wrong passwords, and end a wait."""

from collections.abc import Callable

import pytest

from dockyard.server.access import lockouts
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.access.principal import ANONYMOUS_PRINCIPAL, AccessDeniedError
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.settings import Access
from making.calls import basic

from .conftest import PASSWORD, Place


@pytest.fixture
def place(opened: Callable[..., Place]) -> Place:
    found = opened(Access(tries=3, lock=30))
    found.user("root", admin=True)
    return found


def guesses(place: Place, count: int, address: str) -> None:
    for number in range(count):
        place.call("GET", "/v2/", auth=basic(f"nobody-{number}", "wrong"), address=address)


@pytest.mark.parametrize(
    ("address", "shown", "other"),
    [("192.0.2.7", "192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::/64", "2001:db8::9")],
)
def test_the_wait_of_an_address_is_listed_and_lifted(
    place: Place, root: str, address: str, shown: str, other: str
) -> None:
    guesses(place, 12, address)
    assert place.call("GET", "/v2/", auth=root, address=address).status == 429
    (found,) = lockouts.listing(place.database, SYSTEM)
    assert (found.kind, found.subject, found.failures) == ("address", shown, 12)
    assert found.until > found.at
    lockouts.lift(place.database, SYSTEM, "address", other)
    assert lockouts.listing(place.database, SYSTEM) == []
    assert place.call("GET", "/v2/", auth=basic("root", PASSWORD), address=address).status == 200
    guesses(place, 3, address)
    assert place.call("GET", "/v2/", auth=root, address=address).status == 200, "it has all its tries again"


def test_accounts_wait_and_are_let_in_whether_there_are_such_or_not(place: Place, root: str) -> None:
    for _ in range(3):
        place.call("GET", "/v2/", auth=basic("any/thing", "wrong"), address="192.0.2.1")
        place.call("GET", "/v2/", auth=basic("Root", "wrong"), address="192.0.2.2")
    found = lockouts.listing(place.database, SYSTEM)
    assert [(each.kind, each.subject) for each in found] == [("account", "any/thing"), ("account", "root")]
    assert lockouts.listing(place.database, SYSTEM, last="account:any/thing", count=1) == found[1:]
    lockouts.lift(place.database, SYSTEM, "account", "ROOT")
    assert place.call("GET", "/v2/", auth=root).status == 200
    with pytest.raises(UnknownNameError):
        lockouts.lift(place.database, SYSTEM, "address", "any/thing")
    assert len(lockouts.listing(place.database, SYSTEM)) == 1


def test_only_admins_see_and_lift(place: Place) -> None:
    for ask in (
        lambda: lockouts.listing(place.database, ANONYMOUS_PRINCIPAL),
        lambda: lockouts.lift(place.database, ANONYMOUS_PRINCIPAL, "address", "192.0.2.7"),
    ):
        with pytest.raises(AccessDeniedError):
            ask()
