"""What killed processes leave beside an output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dockyard._internal import atomic, leftover

HELD = """
import os, sys
from pathlib import Path
from dockyard._internal import leftover
with leftover.beside(Path(sys.argv[1]), folder=sys.argv[2] == "folder") as (place, _):
    if place.is_dir():
        (place / "deep" / "er").mkdir(parents=True)
    print(place, flush=True)
    sys.stdin.read()
"""


def held(path: Path, kind: str) -> tuple["subprocess.Popen[str]", Path]:
    child = subprocess.Popen(
        [sys.executable, "-c", HELD, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "out [1]"
    (tmp_path / ".out [1].mine.tmp").touch()
    (tmp_path / ".out [1].0123456789ab.tmp").symlink_to("/")
    killed, left = held(path, kind)
    killed.kill()
    killed.communicate()
    living, used = held(path, kind)
    assert (left.exists(), used.exists()) == (False, True)
    with atomic.output(path) as stream:
        assert used.exists()
        stream.write(b"whole")
    living.communicate("")
    assert path.read_bytes() == b"whole"
    assert sorted(os.listdir(tmp_path)) == [".out [1].0123456789ab.tmp", ".out [1].mine.tmp", "out [1]"]


def test_a_folder_that_another_takes_for_a_leftover_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    real = Path.mkdir

    def meddling(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        real(path, mode, parents=parents, exist_ok=exist_ok)
        if path.name.endswith(".tmp"):
            made.append(path)
            if len(made) == 1:
                leftover.clear(tmp_path / "work")

    monkeypatch.setattr(Path, "mkdir", meddling)
    with leftover.beside(tmp_path / "work", folder=True) as (place, _):
        assert place.is_dir()
        assert made[1:] == [place]


def test_what_was_not_completed_is_gone_with_the_block(tmp_path: Path) -> None:
    for folder in (False, True):
        with pytest.raises(ZeroDivisionError), leftover.beside(tmp_path / "out", folder=folder):
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
