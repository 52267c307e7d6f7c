"""Lint settings: `[lint]` of dockyard.toml, Hadolint's own file, and the command line above both."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from dockyard.cli.main import run

Capture = pytest.CaptureFixture[str]
TEXT = """\
FROM r.example.org/a:1.2
LABEL version="x"
# hadolint ignore=DL3004
RUN sudo make
RUN apt-get install b=1
MAINTAINER c
USER 1000
HEALTHCHECK NONE
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(TEXT)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def findings(folder: Path, capsys: Capture, *words: str, code: int | None = None) -> dict[str, str]:
    """The severity by rule."""
    capsys.readouterr()
    ended = run(["lint", str(folder), "--json", "--no-shellcheck", *words])
    assert code is None or ended == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {each["rule"]: each["severity"] for each in document["findings"]}


def refused(folder: Path, capsys: Capture, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["lint", str(folder), "--json", *words]) == 2
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["error"]
    return found


def test_nothing_is_wished_for_without_a_file(folder: Path, capsys: Capture) -> None:
    found = findings(folder, capsys, code=1)
    assert found == {"apt-yes": "warning", "no-install-recommends": "info", "maintainer": "error"}


def test_a_file_with_settings_that_cannot_be_read_is_told(folder: Path, capsys: Capture) -> None:
    (folder / ".hadolint.yaml").mkdir()
    error = refused(folder, capsys)
    assert error["reference"] == "file-unusable"
    assert ".hadolint.yaml" in error["message"]


def test_hadolints_file_means_what_it_means_there(folder: Path, capsys: Capture) -> None:
    (folder / ".hadolint.yaml").write_text(
        """
ignored:
  - DL3014
  - DL3005
override:
  error: [DL3015]
  style: [DL4000]
trustedRegistries: ["*.elsewhere.org"]
label-schema:
  version: semver
  author: text
strict-labels: true
failure-threshold: warning
disable-ignore-pragma: true
format: json
no-color: true
"""
    )
    assert findings(folder, capsys, code=1) == {
        "no-install-recommends": "error",
        "maintainer": "style",
        "trusted-registry": "error",
        "label-version": "warning",
        "label-missing": "info",
        "no-sudo": "error",
    }
    (folder / ".hadolint.yaml").write_text("ignored: [DL4000]\nfailure-threshold: none\nno-fail: true\n")
    findings(folder, capsys, code=0)
    (folder / ".hadolint.yaml").write_text("ignored: [DL4000, DL3014]\nfailure-threshold: none\n")
    findings(folder, capsys, code=1)
    (folder / ".hadolint.yaml").write_text("")
    findings(folder, capsys, code=1)


def test_dockyard_toml_counts_before_hadolints_file(folder: Path, capsys: Capture) -> None:
    (folder / ".hadolint.yml").write_text("ignored: [DL4000]\n")
    assert "maintainer" not in findings(folder, capsys, code=0)
    (folder / "dockyard.toml").write_text('[image]\nname = "a"\n')
    assert "maintainer" not in findings(folder, capsys)
    (folder / "dockyard.toml").write_text(
        '[image]\nname = "a"\n[lint]\nignore = ["apt-yes"]\nfail-on = "info"\noverride = { info = ["maintainer"] }\n'
        'labels = { version = "semver" }\ntrusted-registries = ["r.example.org"]\n'
    )
    found = findings(folder, capsys, code=1)
    assert found["maintainer"] == "info"
    assert found["label-version"] == "warning"
    assert "apt-yes" not in found


def test_the_current_folder_counts_where_the_dockerfiles_has_no_file(folder: Path, capsys: Capture) -> None:
    Path(".hadolint.yaml").write_text("ignored: [DL4000]\n")
    assert "maintainer" not in findings(folder, capsys)
    (folder / ".hadolint.yaml").write_text("ignored: [DL3014]\n")
    assert "maintainer" in findings(folder, capsys)


def test_a_file_can_be_named_and_no_other_is_looked_for(folder: Path, capsys: Capture, tmp_path: Path) -> None:
    (folder / ".hadolint.yaml").write_text("ignored: [DL4000]\n")
    (tmp_path / "other.yaml").write_text("ignored: [DL3014]\n")
    assert "maintainer" in findings(folder, capsys, "--config", str(tmp_path / "other.yaml"))
    (tmp_path / "a.toml").write_text("[lint]\nignore = ['DL4000']\n")
    assert "apt-yes" in findings(folder, capsys, "-c", str(tmp_path / "a.toml"))
    assert refused(folder, capsys, "--config", "none.yaml")["reference"] == "lint-settings-missing"
    (tmp_path / "a.toml").write_text("[image]\nname = 'a'\n")
    assert "no table [lint]" in refused(folder, capsys, "-c", str(tmp_path / "a.toml"))["message"]


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        (".hadolint.yaml", "ignord: [DL4000]", "Did you mean `ignored`?"),
        (".hadolint.yaml", "override: {eror: [DL4000]}", "Did you mean `error`?"),
        ("dockyard.toml", "[lint]\nignroe = []", "Did you mean `ignore`?"),
        (".hadolint.yaml", "ignored: [DL4009]", "Did you mean"),
        (".hadolint.yaml", "label-schema: {a: semvar}", "Did you mean semver?"),
    ],
)
def test_a_word_that_is_not_known_names_the_nearest(
    folder: Path, capsys: Capture, name: str, text: str, hint: str
) -> None:
    (folder / name).write_text(text)
    assert hint in refused(folder, capsys)["hint"]


@pytest.mark.parametrize("text", ["a: [", "- 1", "ignored: DL4000", "failure-threshold: bogus", "\xff"])
def test_a_file_that_is_none_is_refused_and_named(folder: Path, capsys: Capture, text: str) -> None:
    (folder / ".hadolint.yaml").write_bytes(text.encode("latin-1"))
    error = refused(folder, capsys)
    assert error["reference"] == "settings-invalid"
    assert ".hadolint.yaml" in error["message"]


def test_the_command_line_has_the_last_word(folder: Path, capsys: Capture) -> None:
    (folder / ".hadolint.yaml").write_text("override: {error: [DL3014]}\nignored: [DL4000]\n")
    found = findings(folder, capsys, "--style", "DL3014", "--warning", "no-install-recommends", code=0)
    assert found == {"apt-yes": "style", "no-install-recommends": "warning"}
    findings(folder, capsys, "--failure-threshold", "warning", code=1)
    findings(folder, capsys, "-t", "warning", "--no-fail", code=0)
    assert "no-sudo" in findings(folder, capsys, "--disable-ignore-pragma")
    assert "label-version" in findings(folder, capsys, "--require-label", "version:semver")


def test_shellcheck_follows_the_settings(folder: Path, capsys: Capture) -> None:
    from dockyard.cli.lint import shellcheck

    if shellcheck.find() is None:
        pytest.skip("ShellCheck is not installed (the extra `shellcheck` brings it)")
    (folder / "Dockerfile").write_text("FROM a:1.2\n# hadolint ignore=SC2086\nRUN echo $B\nRUN echo `c`\n")
    (folder / ".hadolint.yaml").write_text("override: {error: [SC2006]}\ndisable-ignore-pragma: true\n")
    words = ["lint", str(folder), "--json", "--rule", "shellcheck"]
    assert run(words) == 1
    found = {each["rule"]: each["severity"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["SC2006"] == "error"
    assert found["SC2086"] == "info"


def test_other_programs_formats_are_what_they_read(folder: Path, capsys: Capture) -> None:
    def said(format: str) -> str:
        capsys.readouterr()
        assert run(["lint", str(folder), "--format", format, "--rule", "DL4000,DL3015", "--no-fail"]) == 0
        return capsys.readouterr().out

    first = said("gnu").splitlines()[0]
    assert first.startswith("dockyard:")
    assert "Dockerfile:5: no-install-recommends info: apt-get install" in first
    lines = [json.loads(line) for line in said("codacy").splitlines()]
    assert [(each["line"], each["patternId"]) for each in lines] == [(5, "no-install-recommends"), (6, "maintainer")]
    issues = json.loads(said("sonarqube"))["issues"]
    assert [each["severity"] for each in issues] == ["MINOR", "CRITICAL"]
    assert issues[1]["primaryLocation"]["textRange"] == {"startLine": 6, "endLine": 6}
    suite = ET.fromstring(said("junit"))[0]
    assert [case.get("classname") for case in suite] == ["no-install-recommends", "maintainer"]
    assert suite.get("failures") == "2"
    assert said("gitlab_codeclimate") == said("gitlab")
    assert said("tty") == said("text")


def test_the_result_can_go_to_a_file(folder: Path, capsys: Capture, tmp_path: Path) -> None:
    assert run(["lint", str(folder), "--format", "sarif", "--output", str(tmp_path / "out.sarif")]) == 1
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "out.sarif").read_text())["version"] == "2.1.0"
    assert run(["lint", str(folder), "--json", "-o", str(tmp_path / "out.json")]) == 1
    assert json.loads((tmp_path / "out.json").read_text())["failed"] is True


def test_ship_follows_the_settings(folder: Path, capsys: Capture) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\nMAINTAINER a\nCOPY missing /x\n")

    def stopped(settings: str) -> str:
        (folder / "dockyard.toml").write_text(f'[image]\nname = "127.0.0.1:1/a"\n[lint]\n{settings}\n')
        capsys.readouterr()
        assert run(["ship", str(folder), "--tag", "1.0.0", "--json"]) != 0
        error: dict[str, str] = json.loads(capsys.readouterr().out)["error"]
        return error["reference"]

    assert stopped("") == "lint-failed"
    further = stopped('ignore = ["DL4000"]')
    assert further != "lint-failed"
    assert stopped('override = { info = ["maintainer"] }') == further
    assert stopped("no-fail = true") == further
    assert stopped('override = { info = ["maintainer"] }\nfail-on = "info"') == "lint-failed"


@pytest.mark.parametrize("text", ["", "# nothing\n\n  # more\n"])
def test_a_file_of_hadolints_that_says_nothing_asks_for_nothing(folder: Path, capsys: Capture, text: str) -> None:
    (folder / ".hadolint.yaml").write_text(text)
    assert findings(folder, capsys, code=1) == {
        "apt-yes": "warning",
        "no-install-recommends": "info",
        "maintainer": "error",
    }
