"""Uploads without bytes: known to every process, to nobody who guesses, and for a while."""

import subprocess
import sys
from pathlib import Path

import pytest

from dockyard.registry.begun import Begun


def test_what_one_begins_another_knows_until_one_of_them_takes_it(tmp_path: Path) -> None:
    one, other = Begun(tmp_path / "begun"), Begun(tmp_path / "begun")
    upload = one.begin()
    assert upload is not None
    assert len(upload) == 32
    assert one.has(upload)
    assert other.has(upload)
    assert other.take(upload)
    assert not one.has(upload)
    assert not one.take(upload)


def test_two_never_write_to_one_file(tmp_path: Path) -> None:
    one, other = Begun(tmp_path), Begun(tmp_path)
    begun = {each.begin() for each in (one, other) for _ in range(300)}
    assert None not in begun
    assert len(begun) == 600
    assert all(one.has(str(each)) and other.has(str(each)) for each in begun)


@pytest.mark.parametrize("upload", ["0" * 32, "f" * 32, "3fffff" + "0" * 26, "", "x" * 32, "00" * 15, "é" * 32])
def test_what_was_not_begun_is_not_known(tmp_path: Path, upload: str) -> None:
    begun = Begun(tmp_path)
    assert begun.begin() is not None
    assert not begun.has(upload)
    assert not begun.take(upload)


def test_a_neighbour_of_what_was_begun_is_not_known(tmp_path: Path) -> None:
    begun = Begun(tmp_path)
    upload = str(begun.begin())
    for at in range(32):
        guess = upload[:at] + format(int(upload[at], 16) ^ 1, "x") + upload[at + 1 :]
        assert not begun.has(guess)


def test_no_more_begin_than_there_is_room_for_and_none_is_pushed_out(tmp_path: Path) -> None:
    begun = Begun(tmp_path)
    known = [begun.begin() for _ in range(1024)]
    assert None not in known
    assert begun.begin() is None
    assert all(begun.has(str(each)) for each in known)
    assert begun.take(str(known[500]))
    assert any(begun.begin() for _ in range(1024 // 8)), "what is free again is found again"


def test_the_old_are_swept(tmp_path: Path) -> None:
    begun = Begun(tmp_path)
    upload = str(begun.begin())
    assert begun.sweep(3600) == 0
    assert begun.has(upload)
    assert begun.sweep(-1) == 1
    assert not begun.has(upload)


def test_what_a_killed_process_had_begun_is_known_and_its_file_goes_to_the_next(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from dockyard.registry.begun import Begun;"
        "begun = Begun(pathlib.Path(sys.argv[1])); print(begun.begin(), flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == -9
    begun = Begun(tmp_path)
    upload = str(begun.begin())
    assert upload[:2] == done.stdout[:2]
    assert begun.has(done.stdout.strip())
