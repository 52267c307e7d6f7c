"""What makes a server of tests quick to begin: an empty database gets its tables as a copy, passwords cost little."""

import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from dockyard.server import migrating
from dockyard.server.access import secret
from dockyard.server.database import connect

_begin = migrating._begin


@pytest.fixture
def costly_passwords() -> None:
    """Passwords cost what they cost people."""


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with the least that argon2 takes: their cost is not what most tests are about."""
    if "costly_passwords" not in request.fixturenames:
        monkeypatch.setattr(secret, "MEMORY_KIB", 8)
        monkeypatch.setattr(secret, "PASSES", 1)


@pytest.fixture
def made_tables() -> None:
    """An empty database gets its tables from the program itself."""


@pytest.fixture(autouse=True)
def copied_tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without tables gets a copy of those that the program made once; to make them takes ten times as long."""
    if "made_tables" not in request.fixturenames:
        monkeypatch.setattr(migrating, "_begin", _copied)


def _copied(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        _begin(engine)
        return
    with migrating._alone(engine) as connection:
        found = migrating.revision(connection)
        connection.rollback()
        if not found:
            driver: Any = connection.connection.driver_connection
            _made().backup(driver)


@cache
def _made() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        engine = connect("", Path(folder))
        _begin(engine)
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.backup(made)
        engine.dispose()
    return made
