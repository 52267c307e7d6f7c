"""What tests of the server share."""

import pytest

from dockyard.registry.caller import CALLER, SYSTEM
from dockyard.server.access import secret


@pytest.fixture
def costly_passwords() -> None:
    """Passwords cost what they cost people."""


@pytest.fixture(autouse=True)
def _cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with the least that argon2 takes: their cost is not what most tests are about."""
    if "costly_passwords" not in request.fixturenames:
        monkeypatch.setattr(secret, "MEMORY_KIB", 8)
        monkeypatch.setattr(secret, "PASSES", 1)


@pytest.fixture(autouse=True)
def _nobody_asks() -> None:
    """No test goes on as the caller of a request that another has answered in this thread."""
    CALLER.set(SYSTEM)
