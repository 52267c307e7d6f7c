"""Jobs in this process: done once, by one process, tried again, cancelled, remembered."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockyard.server.clock import now
from dockyard.server.database import Database, open_database
from dockyard.server.jobs import history, local
from dockyard.server.jobs.interface import Task, TaskUnknownError, Work
from dockyard.server.jobs.leading import FileLead
from dockyard.server.jobs.local import LocalJobs

pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("", tmp_path)
    yield database
    database.close()


def wait(true: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def runner(database: Database, folder: Path, **functions: Any) -> LocalJobs:
    tasks = {name: each if isinstance(each, Task) else Task(each) for name, each in functions.items()}
    return LocalJobs(database, FileLead(folder / "jobs.lock"), tasks, pace=0.02)


def state(database: Database, number: int | None) -> str:
    return next(each.state for each in history.jobs(database) if each.number == number)


def test_a_job_is_done_with_its_arguments_and_its_result_is_kept(database: Database, tmp_path: Path) -> None:
    jobs = runner(database, tmp_path, add=lambda work: work.arguments["a"] + work.arguments["b"])
    number = jobs.defer("add", {"a": 2, "b": 3})
    jobs.start()
    try:
        wait(lambda: state(database, number) == "done")
    finally:
        jobs.stop()
    done = history.jobs(database)[0]
    assert (done.result, done.attempts, done.error) == (5, 1, "")
    assert done.to_json()["name"] == "add"
    with pytest.raises(TaskUnknownError):
        jobs.defer("subtract")


def test_of_jobs_with_one_key_only_one_waits(database: Database, tmp_path: Path) -> None:
    jobs = runner(database, tmp_path, idle=lambda work: None)
    assert jobs.defer("idle", key="k") is not None
    assert jobs.defer("idle", key="k") is None
    assert jobs.defer("idle", key="other") is not None
    jobs.start()
    wait(lambda: {each.state for each in history.jobs(database)} == {"done"})
    assert jobs.defer("idle", key="k") is not None
    jobs.stop()


def test_a_job_waits_until_it_is_due(database: Database, tmp_path: Path) -> None:
    ran: list[int] = []
    jobs = runner(database, tmp_path, note=lambda work: ran.append(now()))
    due = now() + 300
    jobs.defer("note", due=due)
    jobs.start()
    wait(lambda: ran)
    jobs.stop()
    assert ran[0] >= due


def test_a_failing_job_is_tried_again_and_its_error_is_kept(database: Database, tmp_path: Path) -> None:
    def fail(work: Work) -> None:
        raise ValueError("no luck")

    jobs = runner(database, tmp_path, fail=Task(fail, attempts=2))
    number = jobs.defer("fail")
    jobs.start()
    wait(lambda: history.jobs(database)[0].error)
    first = history.jobs(database)[0]
    assert (first.state, first.attempts, first.error) == ("waiting", 1, "ValueError: no luck")
    assert 5_000 < first.due_at - now() < 15_000
    from sqlalchemy import update

    from dockyard.server.schema.jobs import JOB

    database.write(lambda connection: connection.execute(update(JOB).values(due_at=0)).rowcount)
    wait(lambda: state(database, number) == "failed")
    jobs.stop()
    assert history.jobs(database)[0].attempts == 2


def test_jobs_are_cancelled_before_and_while_they_run(database: Database, tmp_path: Path) -> None:
    begun = threading.Event()

    def long(work: Work) -> None:
        begun.set()
        while True:
            work.progress("still at it")
            time.sleep(0.01)

    jobs = runner(database, tmp_path, long=long)
    later = jobs.defer("long", due=now() + 10**9)
    assert later is not None
    assert jobs.cancel(later)
    assert not jobs.cancel(later)
    assert not jobs.cancel(10**6)
    number = jobs.defer("long")
    assert number is not None
    jobs.start()
    assert begun.wait(10)
    wait(lambda: history.jobs(database)[0].progress == "still at it")
    assert jobs.cancel(number)
    wait(lambda: state(database, number) == "cancelled")
    jobs.stop()
    assert state(database, later) == "cancelled"


def test_a_job_that_is_stopped_is_taken_up_again(database: Database, tmp_path: Path) -> None:
    begun = threading.Event()

    def long(work: Work) -> None:
        begun.set()
        while True:
            work.progress("")
            time.sleep(0.01)

    jobs = runner(database, tmp_path, long=long)
    number = jobs.defer("long")
    jobs.start()
    assert begun.wait(10)
    jobs.stop()
    assert state(database, number) == "waiting"
    again = runner(database, tmp_path, long=lambda work: "done")
    again.start()
    wait(lambda: state(database, number) == "done")
    again.stop()


def test_a_job_of_a_process_that_was_killed_is_taken_up_again(database: Database, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from dockyard.server.database import open_database;"
        "from dockyard.server.jobs.local import LocalJobs; from dockyard.server.jobs.interface import Task;"
        "from dockyard.server.jobs.leading import FileLead;"
        "folder = Path(sys.argv[1]); database = open_database('', folder);"
        "hang = lambda work: (print('begun', flush=True), time.sleep(1000));"
        "jobs = LocalJobs(database, FileLead(folder / 'jobs.lock'), {'hang': Task(hang)}, pace=0.02);"
        "jobs.defer('hang'); jobs.start(); time.sleep(1000)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    jobs = runner(database, tmp_path, hang=lambda work: "here")
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"begun\n"
        jobs.start()
        time.sleep(0.3)
        assert history.jobs(database)[0].state == "running"  # the other process has the lock
    finally:
        other.kill()
        other.wait()
        assert other.stdout is not None
        other.stdout.close()
    wait(lambda: history.jobs(database)[0].state == "done")
    jobs.stop()
    assert history.jobs(database)[0].attempts == 2


def test_periodic_work_may_begin_soon_after_a_start_and_then_keeps_its_time(database: Database, tmp_path: Path) -> None:
    def due() -> int:
        return next((each.due_at - now() for each in history.jobs(database, state="waiting")), -1)

    for _ in range(2):  # one that waits longer, from the process before, is brought forward by the next start
        jobs = runner(database, tmp_path, tick=Task(lambda work: 1, every=3600, first=60))
        jobs.start()
        wait(lambda: 40_000 < due() <= 60_000)
        history.hasten(database, "periodic tick", now())
        wait(lambda: due() > 3_500_000)
        jobs.stop()


def test_periodic_work_goes_on_and_its_history_is_bounded(database: Database, tmp_path: Path) -> None:
    ran: list[int] = []

    def fail(work: Work) -> None:
        ran.append(1)
        raise RuntimeError

    jobs = runner(database, tmp_path, tick=Task(fail, every=3600))
    jobs.start()
    wait(lambda: history.jobs(database, state="waiting"))
    first = history.jobs(database)[0]
    assert 3_500_000 < first.due_at - now() <= 3_600_000
    history.hasten(database, "periodic tick", now())
    wait(lambda: ran)
    wait(lambda: len(history.jobs(database)) == 2)
    jobs.stop()
    assert [each.state for each in history.jobs(database)] == ["waiting", "failed"]
    jobs = runner(database, tmp_path, tick=Task(lambda work: None, every=3600), once=lambda work: None)
    for _ in range(130):
        jobs.defer("once")
    jobs.start()
    wait(lambda: not history.jobs(database, name="once", state="waiting", count=500), 60)
    jobs.stop()
    assert len(history.jobs(database, name="once", count=500)) == 100
    assert len(history.jobs(database, name="tick")) == 2


def test_of_turns_that_found_nothing_only_the_last_is_kept(database: Database, tmp_path: Path) -> None:
    left = [{"seen": 3}, {"seen": 0, "odd": []}, {"seen": 0, "odd": []}, {"seen": 2}]

    def look(work: Work) -> Any:
        return left.pop() if left else {"seen": 0, "odd": []}

    jobs = runner(database, tmp_path, look=Task(look, every=3600))
    asked = [jobs.defer("look", key="asked look")]
    jobs.start()
    try:
        while history.jobs(database)[0].number < 7:
            history.hasten(database, history.periodic("look"), now())
            time.sleep(0.01)
    finally:
        jobs.stop()
    done = [each for each in history.jobs(database) if each.state == "done"]
    told = [each.result["seen"] for each in reversed(done)]
    assert asked[0] == done[-1].number
    assert sorted(told) == [0, 2, 3]
    assert told[-1] == 0


def test_of_a_quiet_task_only_the_last_that_went_well_and_what_failed_is_kept(
    database: Database, tmp_path: Path
) -> None:
    def tell(work: Work) -> int:
        if work.arguments["n"] == 2:
            raise RuntimeError
        return int(work.arguments["n"])

    def ended(number: int | None) -> bool:
        return state(database, number) in ("done", "failed")

    jobs = runner(database, tmp_path, tell=Task(tell, quiet=True))
    jobs.start()
    try:
        for n in range(5):
            number = jobs.defer("tell", {"n": n}, key="due tell")
            wait(partial(ended, number))
        jobs.defer("tell", {"n": 7}, key="asked tell")
        wait(lambda: history.jobs(database)[0].result == 7)
    finally:
        jobs.stop()
    assert [(each.state, each.result) for each in history.jobs(database)] == [
        ("done", 7),
        ("done", 4),
        ("failed", None),
    ]


def test_a_clock_that_is_put_back_delays_no_periodic_task_by_that_much(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, shift = 24 * 3600 * 1000, [0]
    for module in (local, history):
        monkeypatch.setattr(module, "now", lambda: now() + shift[0])
    monkeypatch.setattr(local, "_PERIODIC_S", 0)
    jobs = runner(database, tmp_path, tick=Task(lambda work: None, every=3600))
    jobs.start()
    try:
        wait(lambda: history.jobs(database, name="tick"))
        shift[0] = -day
        wait(lambda: history.jobs(database, name="tick")[0].due_at < now() - day + 3600 * 1000 + 60_000)
    finally:
        jobs.stop()
