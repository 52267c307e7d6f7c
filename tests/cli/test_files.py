"""Files that are not there, may not be used or are of another kind: each with a reference of its own."""

import errno
import json
import os
from pathlib import Path

import pytest

from dockyard.cli import report
from dockyard.cli.main import run


@pytest.mark.parametrize(
    ("number", "reference", "code"),
    [
        (errno.ENOENT, "file-missing", 2),
        (errno.EACCES, "file-denied", 2),
        (errno.EROFS, "file-denied", 2),
        (errno.EISDIR, "file-unusable", 2),
        (errno.ENAMETOOLONG, "file-unusable", 2),
        (errno.ENOSPC, "disk-full", 3),
        (errno.EDQUOT, "disk-full", 3),
    ],
)
def test_what_the_system_says_of_a_file_has_a_reference(
    number: int, reference: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.failure(OSError(number, os.strerror(number), "/some/file"), json=True) == code
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["reference"] == reference
    assert error["message"].endswith("/some/file")
    assert error["hint"]


def test_a_file_for_a_folder_is_told_from_a_missing_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM scratch\n")
    assert run(["build", str(file)]) == 2
    assert f"dockyard build -f {file} {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["images"], ["serve", "--listen", "127.0.0.1:0"], ["keygen"]])
def test_a_home_that_is_a_file_is_told(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    assert run(words) == (0 if words == ["keygen"] else 2)
    said = capsys.readouterr()
    reference = {"images": "data-folder-unwritable", "serve": "file-unusable"}
    assert words == ["keygen"] or f"error[{reference[words[0]]}]" in said.err
    assert "registry at" not in said.err, "nothing serves"


def test_doctor_says_that_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    assert run(["doctor", "--json"]) == 0
    checks = {each["check"]: each for each in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks["the data folder"]["works"]
    assert "DOCKYARD_HOME" in checks["the data folder"]["advice"]


def test_an_archive_is_not_waited_for_from_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert run(["load"]) == 2
    assert "dockyard load -i FILE" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
