"""Passwords of people, as they are kept and checked."""

import pytest

from dockyard.server.access import secret
from dockyard.server.access.secret import PasswordWeakError, password_hash, password_right


@pytest.mark.usefixtures("costly_passwords")
def test_a_password_is_kept_as_argon2id_of_the_cost_that_owasp_asks_for() -> None:
    kept = password_hash("correct horse")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password_right(kept, "correct horse")
    assert not password_right(kept, "wrong horse")


def test_a_hash_of_another_cost_is_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = password_hash("correct horse")
    monkeypatch.setattr(secret, "MEMORY_KIB", 16)
    assert password_right(kept, "correct horse")
    assert password_hash("correct horse").startswith("$argon2id$v=19$m=16,")


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(PasswordWeakError):
        password_hash(password)


@pytest.mark.parametrize("kept", [None, "", "nonsense", "$argon2id$v=19$m=1"])
def test_where_nothing_usable_is_kept_no_password_is_right(kept: str | None) -> None:
    assert not password_right(kept, "correct horse")
    assert not password_right(kept, "x" * 100_000)
