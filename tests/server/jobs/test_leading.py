"""Which process works on the jobs: one among all replicas, and another when it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.server.database import Database, open_database
from dockyard.server.jobs import history
from dockyard.server.jobs.interface import Task, Work
from dockyard.server.jobs.leading import DatabaseLead, FileLead, Lead
from dockyard.server.jobs.local import LocalJobs
from making.postgres import Postgres

pytestmark = pytest.mark.slow


@pytest.fixture
def database(server: Postgres, tmp_path: Path) -> Iterator[Database]:
    database = open_database(server.fresh(), tmp_path)
    yield database
    database.close()


def wait(true: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["file", "database"])
def test_one_leads_and_another_takes_over_when_it_is_dropped(kind: str, database: Database, tmp_path: Path) -> None:
    def make() -> Lead:
        return FileLead(tmp_path / "lock") if kind == "file" else DatabaseLead(database)

    first, second = make(), make()
    assert first.take()
    assert not second.take()
    assert first.kept()
    first.drop()
    assert second.take()
    assert not first.take()
    second.drop()
    first.drop()


def test_a_leader_whose_database_goes_away_no_longer_leads(server: Postgres, database: Database) -> None:
    lead = DatabaseLead(database)
    assert lead.take()
    server.stop()
    try:
        assert not lead.kept()
        assert not lead.take()
    finally:
        server.start()
    assert lead.take()
    lead.drop()


def test_jobs_of_many_replicas_are_each_done_once_and_go_on_when_the_leader_ends(database: Database) -> None:
    done: list[int] = []
    lock = threading.Lock()

    def note(work: Work) -> None:
        with lock:
            done.append(int(work.arguments["n"]))

    replicas = [LocalJobs(database, DatabaseLead(database), {"note": Task(note)}, pace=0.05) for _ in range(3)]
    for each in replicas:
        each.start()
    for number in range(15):
        replicas[number % 3].defer("note", {"n": number})
    wait(lambda: len(done) == 15)
    replicas[0].stop()
    for number in range(15, 20):
        replicas[1].defer("note", {"n": number})
    wait(lambda: len(done) == 20)
    replicas[1].stop()
    replicas[2].defer("note", {"n": 20})
    wait(lambda: len(done) == 21)
    replicas[2].stop()
    assert sorted(done) == list(range(21))
    assert {each.state for each in history.jobs(database)} == {"done"}
