"""Writing transactions that are committed together on SQLite."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from dockyard.server.database import Database, open_database
from dockyard.server.schema.content import BLOB


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("", tmp_path)
    yield database
    database.close()


def test_those_that_fail_take_back_only_what_they_did_themselves(database: Database) -> None:
    started, go = threading.Event(), threading.Event()
    outcomes: dict[int, str] = {}

    def first(connection: Connection) -> None:
        started.set()
        assert go.wait(20)

    def work(number: int) -> None:
        def change(connection: Connection) -> int:
            connection.execute(insert(BLOB).values(digest=f"sha256:{number}", size=1, created_at=1))
            if number % 3 == 0:
                raise KeyError(number)
            if number % 3 == 1:
                connection.execute(insert(BLOB).values(digest=f"sha256:{number}", size=1, created_at=1))
            return number

        try:
            outcomes[number] = str(database.write(change))
        except (KeyError, IntegrityError) as error:
            outcomes[number] = type(error).__name__

    blocker = threading.Thread(target=database.write, args=(first,))
    blocker.start()
    assert started.wait(20)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
    for each in threads:
        each.start()
    go.set()
    for each in [blocker, *threads]:
        each.join(30)
    wanted = {0: "KeyError", 1: "IntegrityError"}
    assert outcomes == {number: wanted.get(number % 3, str(number)) for number in range(9)}
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(BLOB)).scalar() == 3
