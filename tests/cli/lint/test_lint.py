"""`dockyard lint` on the command line."""

import io
import json
from pathlib import Path

import pytest

from dockyard.cli.main import run

BAD = f"FROM python:3.12.7\nENV API_TOKEN=glpat-{'a' * 20}\nCMD a\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(BAD)
    return tmp_path


def test_findings_look_like_a_compilers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(folder)]) == 1
    out = capsys.readouterr().out
    assert f"{folder}/Dockerfile:3: warning[shell-form]: CMD in shell form\n     3 | CMD a\n  why: " in out
    assert '  better: CMD ["a"]\n' in out
    assert out.rstrip().split("\n")[-1].startswith("1 error, ")


def test_the_exit_code_follows_fail_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lint", str(folder / "Dockerfile"), "--rule", "shell-form"]
    assert run(words) == 0
    assert run([*words, "--fail-on", "warning"]) == 1
    assert run(["lint", str(folder), "--ignore", "secret-in-env"]) == 0
    assert "secret-in-env" not in capsys.readouterr().out.split("Dockerfile:")[-1]


def test_severity_hides_but_does_not_forgive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(folder), "--rule", "shell-form", "--severity", "error", "--fail-on", "warning"]) == 1
    assert "nothing to find" in capsys.readouterr().out


def test_json_and_sarif_are_documents(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(folder), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] is True
    assert {"rule", "line", "why", "better", "severity"} <= set(document["findings"][0])
    assert run(["lint", "-f", str(folder / "Dockerfile"), "--format", "sarif"]) == 1
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert run(["lint", "-f", "-"]) == 1
    assert "<stdin>:2: error[secret-in-env]" in capsys.readouterr().out


def test_the_ignore_file_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile").write_text("FROM alpine:3.20.3\nCOPY dist /srv/\n")
    (folder / ".dockerignore").write_text("dist\n")
    assert run(["lint", str(folder), "--rule", "CopyIgnoredFile", "--fail-on", "info"]) == 1
    (folder / "Dockerfile.dockerignore").write_text("other\n")
    assert run(["lint", str(folder), "--rule", "CopyIgnoredFile", "--fail-on", "info"]) == 0
    assert "keeps dist out of the context" in capsys.readouterr().out


def test_a_missing_dockerfile_is_an_error_that_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(tmp_path), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["reference"] == "dockerfile-missing"
    assert str(tmp_path / "Dockerfile") in error["message"]


def test_a_dockerfile_that_is_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").mkdir()
    assert run(["lint", "-f", str(tmp_path / "Dockerfile")]) == 2
    assert "dockerfile-missing" in capsys.readouterr().err


def test_a_syntax_error_shows_file_line_and_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM alpine:3.20\n\nRUNN make \\\n  all\n")
    assert run(["lint", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"{path}:3: there is no instruction 'RUNN'" in err
    assert "text: RUNN make \\" in err
    assert "Did you mean RUN?" in err


def test_a_file_without_from_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("ARG x\n")
    assert run(["lint", str(tmp_path)]) == 2
    assert f"{tmp_path}/Dockerfile: there is no FROM" in capsys.readouterr().err


def test_an_unknown_rule_is_refused_with_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", str(folder), "--rule", "root-usr"]) == 2
    assert "root-user" in capsys.readouterr().err


def test_several_files_are_judged_and_all_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other").write_text("FROM debian:12.8\nUSER 1\n")
    words = ["lint", str(folder), str(folder / "other"), "--rule", "shell-form,pin-base"]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert f"{folder}/Dockerfile:3: warning[shell-form]" in out
    assert f"{folder}/other: nothing to find fault with" in out
    assert run([*words, "--fail-on", "warning", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] is True
    assert [(each["file"].rpartition("/")[2], each["failed"]) for each in document["files"]] == [
        ("Dockerfile", True),
        ("other", False),
    ]
    assert run([*words, "--format", "checkstyle"]) == 0
    assert f'<file name="{folder}/other">' in capsys.readouterr().out


def test_one_of_several_files_may_come_from_standard_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"FROM debian\nUSER 1\n")))
    assert run(["lint", "-", str(folder), "--format", "gnu"]) == 1
    out = capsys.readouterr().out
    assert "dockyard:<stdin>:1: pin-base warning" in out
    assert f"dockyard:{folder}/Dockerfile:2: secret-in-env error" in out
    assert run(["lint", "-", "-"]) == 2
    assert run(["lint", str(folder), str(folder), "-f", "x"]) == 2


def test_a_file_that_cannot_be_understood_does_not_keep_others_from_being_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad").write_text("FROM debian:12.8\nFOO x\n")
    words = ["lint", str(folder / "bad"), str(folder)]
    assert run(words) == 2
    told = capsys.readouterr()
    assert "error[secret-in-env]" in told.out
    assert "bad:2: there is no instruction 'FOO'" in told.err
    assert run([*words, "--json"]) == 2
    bad, good = json.loads(capsys.readouterr().out)["files"]
    assert (bad["failed"], bad["error"]["reference"]) == (True, "dockerfile-invalid")
    assert good["findings"]
    assert run(["lint", str(folder), str(folder / "nothing")]) == 2
    assert not capsys.readouterr().out  # a file that is not there is told before anything is judged


def test_several_files_are_put_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [folder / "one", folder / "two"]
    for name in names:
        name.write_text("from debian:12.8 As Base\nUSER 1\n")
    run(["lint", *map(str, names), "--fix", "--diff"])
    assert capsys.readouterr().out.count("+from debian:12.8 as base\n") == 2
    run(["lint", *map(str, names), "--fix"])
    assert {name.read_text() for name in names} == {"from debian:12.8 as base\nUSER 1\n"}


def test_build_check_takes_the_check_of_an_argument(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Dockerfile").write_text("# check=skip=all\nFROM scratch\nMAINTAINER a\nUSER 1\n")
    assert run(["build", "--check", str(folder)]) == 0
    assert run(["build", "--check", str(folder), "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=true"]) == 1
    assert "3: error[maintainer]" in capsys.readouterr().out
