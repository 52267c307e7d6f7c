"""Turns of processes that write to one database."""

import threading
from pathlib import Path

import pytest

from dockyard.server import turn
from dockyard.server.turn import Turn


def test_two_never_have_it_at_once(tmp_path: Path) -> None:
    inside, most, done = [0], [0], []

    def work() -> None:
        mine = Turn(tmp_path / "turn")
        for _ in range(30):
            with mine:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                threading.Event().wait(0.0002)
                inside[0] -= 1
        done.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert (most[0], len(done)) == (1, 4)


def test_who_waits_too_long_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_LONGEST_S", 0.02)
    with Turn(tmp_path / "turn"), Turn(tmp_path / "turn"):
        pass
    with Turn(tmp_path / "turn"):
        pass


def test_where_no_file_can_be_made_there_are_no_turns(tmp_path: Path) -> None:
    with Turn(tmp_path / "no folder" / "turn"):
        pass
