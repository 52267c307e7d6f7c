"""What tests of the server share."""

import pytest

from dockyard.registry.caller import CALLER, SYSTEM
from making.quickened import cheap_passwords as cheap_passwords  # noqa: PLC0414 (fixtures that every test here has)
from making.quickened import copied_tables as copied_tables  # noqa: PLC0414
from making.quickened import costly_passwords as costly_passwords  # noqa: PLC0414
from making.quickened import made_tables as made_tables  # noqa: PLC0414


@pytest.fixture(autouse=True)
def _nobody_asks() -> None:
    """No test goes on as the caller of a request that another has answered in this thread."""
    CALLER.set(SYSTEM)
