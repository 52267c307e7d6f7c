"""Statements that go past SQLAlchemy: same rows, same errors, same transaction, and visible to whoever watches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, event, func, insert, select
from sqlalchemy.exc import IntegrityError

from dockyard.server.database import Database, open_database
from dockyard.server.prepared import Prepared
from dockyard.server.schema.content import BLOB

MADE = Prepared(False, insert(BLOB), ("digest", "size", "created_at"))
FOUND = Prepared(False, select(BLOB.c.digest, BLOB.c.size).where(BLOB.c.size == bindparam("size")))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("", tmp_path)
    yield database
    database.close()


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(BLOB)).scalar() or 0)


def test_rows_are_what_was_written(database: Database) -> None:
    database.write(lambda connection: MADE(connection, digest="a", size=5, created_at=1) and None)
    assert database.write(lambda connection: FOUND(connection, size=5).one()) == ("a", 5)
    assert database.write(lambda connection: FOUND(connection, size=6).first()) is None
    with pytest.raises(ValueError, match="unpack"):
        database.write(lambda connection: FOUND(connection, size=6).one())


def test_what_the_database_refuses_is_refused_as_ever(database: Database) -> None:
    def work(connection: Connection) -> None:
        MADE(connection, digest="a", size=5, created_at=1)
        MADE(connection, digest="a", size=5, created_at=1)

    with pytest.raises(IntegrityError):
        database.write(work)
    assert count(database) == 0, "with all of its transaction"


def test_what_fails_later_takes_it_back(database: Database) -> None:
    def work(connection: Connection) -> None:
        MADE(connection, digest="a", size=5, created_at=1)
        raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        database.write(work)
    assert count(database) == 0


def test_whoever_watches_statements_sees_them(database: Database) -> None:
    seen: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, *values: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", before)
    database.write(lambda connection: MADE(connection, digest="a", size=5, created_at=1) and None)
    assert any(each.startswith("INSERT INTO blob") for each in seen)
    assert count(database) == 1
