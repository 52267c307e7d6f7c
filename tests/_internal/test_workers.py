"""A few threads that do what they are given."""

import threading

import pytest

from dockyard._internal.workers import Workers


def test_results_come_by_task_and_at_most_so_many_work_at_once() -> None:
    workers, lock = Workers(3), threading.Lock()
    now, most = 0, 0

    def work(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        return number * number

    tasks = [workers.submit(lambda number=number: work(number)) for number in range(20)]  # type: ignore[misc]
    assert [task.result() for task in tasks] == [number * number for number in range(20)]
    assert all(task.done() for task in tasks)
    assert most == 3
    workers.close()


def test_what_stops_a_task_is_raised_where_its_result_is_asked_for_and_the_others_go_on() -> None:
    workers = Workers(1)
    broken = workers.submit(lambda: 1 // 0)
    sound = workers.submit(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        broken.result()
    assert broken.done()
    assert sound.result() == 1
    workers.close()


def test_closing_finishes_what_has_begun_and_leaves_out_the_rest() -> None:
    workers = Workers(1)
    begun, go = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        go.wait(10)
        return "done"

    first = workers.submit(work)
    second = workers.submit(lambda: "never")
    begun.wait(10)
    threading.Timer(0.05, go.set).start()
    workers.close()
    assert first.result() == "done"
    assert not second.done()


def test_without_work_there_are_no_threads() -> None:
    before = threading.active_count()
    workers = Workers(4)
    assert threading.active_count() == before
    workers.close()


def test_workers_of_which_one_was_interrupted_before_it_began_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    workers = Workers(2)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workers.submit(lambda: 1)
    workers.close()
