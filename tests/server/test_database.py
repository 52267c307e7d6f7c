"""The database's file."""

import os
from pathlib import Path

from dockyard.server.database import open_database


def test_nobody_but_its_owner_reads_it_or_what_lies_beside_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = open_database("", tmp_path)
    finally:
        os.umask(before)
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("registry.db*") if path.stat().st_size}
    database.close()
    assert {"registry.db", "registry.db-wal", "registry.db-shm"} <= found.keys()
    assert set(found.values()) == {0o600}


def test_a_mode_that_was_given_to_it_stays(tmp_path: Path) -> None:
    open_database("", tmp_path).close()
    (tmp_path / "registry.db").chmod(0o640)
    open_database("", tmp_path).close()
    assert (tmp_path / "registry.db").stat().st_mode & 0o777 == 0o640
