"""What an interrupt must not leave behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dockyard._internal import atomic, interrupt, leftover
from dockyard.content import layout
from dockyard.content.layout import Layout
from making.interrupted import everywhere


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupt_anywhere_leaves_nothing_that_is_not_complete(tmp_path: Path, *, folder: bool) -> None:
    def work() -> None:
        with leftover.beside(tmp_path / "out", folder=folder):
            pass

    def checked() -> None:
        try:
            work()
        finally:
            interrupt.end_all()
            left.extend(os.listdir(tmp_path))

    left: list[str] = []
    assert everywhere(checked, leftover) > 50
    assert left == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that is closed at its end
def test_an_interrupt_anywhere_leaves_no_file_in_a_store(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)

    def work() -> None:
        try:
            with store.ingest() as ingest:
                ingest.write(os.urandom(100))
                ingest.commit()
        finally:
            interrupt.end_all()
            left.extend(os.listdir(tmp_path / "ingest") if (tmp_path / "ingest").exists() else [])

    left: list[str] = []
    assert everywhere(work, layout, atomic) > 100
    assert left == []
    assert interrupt._ENDS == {}


def test_what_could_not_be_begun_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Layout(tmp_path, create=True)
    monkeypatch.setattr(os, "urandom", lambda size: b"x" * size)
    before = len(interrupt._ENDS)
    with store.ingest():
        for _ in range(3):
            with pytest.raises(FileExistsError):
                store.ingest()
        assert len(interrupt._ENDS) == before + 1
    assert len(interrupt._ENDS) == before


def test_an_interrupt_waits_for_what_belongs_together() -> None:
    done = []

    def work() -> None:
        with interrupt.held(), interrupt.held():
            interrupt.interrupt(signal.SIGTERM)
            done.append("both")

    with pytest.raises(KeyboardInterrupt) as raised:
        work()
    assert (raised.value.args, done) == ((signal.SIGTERM,), ["both"])
    with pytest.raises(KeyboardInterrupt):
        interrupt.interrupt(signal.SIGTERM)


def test_another_thread_holds_no_interrupt_back() -> None:
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupt.held():
            inside.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        inside.wait()
        with pytest.raises(KeyboardInterrupt):
            interrupt.interrupt(signal.SIGTERM)
    finally:
        over.set()
        thread.join()


LEFT = """
import os, sys
from pathlib import Path
from dockyard._internal import interrupt
for name in sys.argv[1:]:
    interrupt.at_exit(Path(name).unlink)
if os.fork() == 0:
    sys.exit()
os.wait()
assert all(Path(name).exists() for name in sys.argv[1:]), "ended by a process that it is none of"
Path(sys.argv[2]).unlink()
"""


@pytest.mark.slow
def test_what_is_left_at_the_exit_ends_then_and_by_nobody_else(tmp_path: Path) -> None:
    names = [str(tmp_path / each) for each in "abc"]
    for name in names:
        Path(name).touch()
    done = subprocess.run([sys.executable, "-c", LEFT, *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, os.listdir(tmp_path)) == (0, "", [])
