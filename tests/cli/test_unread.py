"""Output whose reader goes away before its end, terminals that can do little, and a home that cannot be written to."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, "-m", "dockyard.cli.main"]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "a").write_text("1")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n" + "COPY a /b\n" * 40)
    return [*PROGRAM, "build", str(tmp_path), "-t", "seen:1"]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "DOCKYARD_HOME": str(tmp_path / "home"), **more}


@pytest.mark.parametrize("form", ["plain", "rawjson"])
@pytest.mark.parametrize("both", [False, True])
def test_a_build_goes_on_though_nobody_reads_its_progress(
    tmp_path: Path, words: list[str], form: str, both: bool
) -> None:
    reader, writer = os.pipe()
    env = environment(tmp_path)
    child = subprocess.Popen([*words, "--progress", form], env=env, stderr=writer, stdout=writer if both else -1)
    os.close(writer)
    assert os.read(reader, 1)
    os.close(reader)
    said = child.communicate(timeout=30)[0]
    assert child.returncode == 0
    assert both or b"tagged  seen:1" in said
    shown = subprocess.run([*PROGRAM, "images"], env=env, capture_output=True, text=True, check=True).stdout
    assert "seen:1" in shown


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(tmp_path: Path, words: list[str]) -> None:
    ours, theirs = pty.openpty()
    env = environment(tmp_path, TERM="dumb")
    child = subprocess.Popen(words, env=env, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:  # nobody has the other side any more
            break
        said += data
    os.close(ours)
    assert child.wait(30) == 0
    assert b"#1 [0 1/40] COPY a /b" in said
    assert b"\x1b" not in said


def test_a_data_folder_that_cannot_be_written_to_is_named_with_what_to_do(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").touch()
    env = environment(tmp_path, DOCKYARD_HOME=str(tmp_path / "file" / "home"))
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error[data-folder-unwritable]" in done.stderr
    assert "DOCKYARD_HOME=" in done.stderr
    assert "Traceback" not in done.stderr
