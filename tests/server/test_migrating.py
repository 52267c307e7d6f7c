"""The schema's revisions: they come to what the tables are, may be cut off, and are applied by one process only."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from dockyard.errors import UsageError
from dockyard.server import migrating
from dockyard.server.database import connect, open_database
from dockyard.server.migrating import DatabaseAheadError, DatabaseBehindError
from dockyard.server.schema.every import metadata
from making.postgres import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("made_tables")]


@pytest.fixture
def engine(address: str, tmp_path: Path) -> Iterator[Engine]:
    engine = connect(address, tmp_path)
    yield engine
    engine.dispose()


def differences(connection: Connection, **opts: bool) -> list[Any]:
    """What the tables of the database lack or have too much."""
    # Only here: every worker would load it when it looks for tests.
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=dict(opts)), metadata())
    return found


def test_the_head_is_the_newest_revision() -> None:
    assert migrating.revisions()[-1] == migrating.HEAD


def test_all_revisions_together_come_to_the_tables_as_they_are(engine: Engine) -> None:
    migrating.migrate(engine)
    with engine.connect() as connection:
        assert differences(connection, compare_type=True) == [], "run `make migration`"


def test_an_empty_database_gets_all_tables_without_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from dockyard.server.database import open_database\n"
        "for _ in range(2): open_database('', Path(sys.argv[1])).close()\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)
    engine = connect("", tmp_path)
    with engine.connect() as connection:
        assert migrating.revision(connection) == migrating.HEAD
        assert differences(connection) == []
    engine.dispose()


def test_every_step_may_be_taken_back_and_taken_again(engine: Engine) -> None:
    migrating.migrate(engine)
    for revision in [*reversed(migrating.revisions()[:-1]), "base"]:
        migrating.migrate(engine, revision)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    assert migrating.migrate(engine) == ("", migrating.HEAD)
    assert migrating.migrate(engine) == (migrating.HEAD, migrating.HEAD)


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(engine: Engine) -> None:
    script = migrating.statements(engine)
    assert "CREATE TABLE repository" in script
    assert inspect(engine).get_table_names() == []
    migrating.migrate(engine)
    assert migrating.statements(engine) == ""
    assert "DROP TABLE" in migrating.statements(engine, "base")
    with pytest.raises(UsageError, match="no revision"):
        migrating.statements(engine, "nonsense")


def test_many_processes_that_start_at_once_make_the_tables_once(address: str, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            open_database(address, tmp_path, pool=1).close()
        except BaseException as error:  # noqa: BLE001 (shown below)
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []


def behind(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program be one revision ahead of the database."""
    migrating.migrate(engine)
    monkeypatch.setattr(migrating, "HEAD", "9999")


def test_a_shared_database_that_is_behind_is_refused_until_somebody_says_so(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.fresh()
    engine = connect(url, tmp_path)
    behind(engine, monkeypatch)
    with pytest.raises(DatabaseBehindError, match="9999") as caught:
        open_database(url, tmp_path)
    assert "migrate" in caught.value.hint
    engine.dispose()


def test_a_database_of_a_newer_program_is_refused(engine: Engine, address: str, tmp_path: Path) -> None:
    migrating.migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseAheadError, match="9999"):
        open_database(address, tmp_path, change=True)
    with pytest.raises(DatabaseAheadError):
        migrating.migrate(engine)


def test_a_revision_that_is_cut_off_leaves_nothing_and_is_taken_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    create_index = Operations.create_index
    left = [3]

    def fails(self: Operations, *values: object, **options: object) -> None:
        left[0] -= 1
        if not left[0]:
            raise RuntimeError("cut off")
        create_index(self, *values, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Operations, "create_index", fails)
    with pytest.raises(RuntimeError, match="cut off"):
        migrating.migrate(engine, migrating.revisions()[0])
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    monkeypatch.undo()
    migrating.migrate(engine)
    with engine.connect() as connection:
        assert differences(connection) == []
