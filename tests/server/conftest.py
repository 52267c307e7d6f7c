"""What tests of the server share."""

from collections.abc import Iterator

import pytest

from dockyard.registry.caller import CALLER, SYSTEM
from making.postgres import Postgres, postgres
from making.quickened import cheap_passwords as cheap_passwords  # noqa: PLC0414 (fixtures that every test here has)
from making.quickened import copied_tables as copied_tables  # noqa: PLC0414
from making.quickened import costly_passwords as costly_passwords  # noqa: PLC0414
from making.quickened import made_tables as made_tables  # noqa: PLC0414


@pytest.fixture(autouse=True)
def _nobody_asks() -> None:
    """No test goes on as the caller of a request that another has answered in this thread."""
    CALLER.set(SYSTEM)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL."""
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """A new database of either kind, as settings name it."""
    if request.param == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("server")
    return server.fresh()
