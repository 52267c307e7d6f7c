"""`dockyard lint --fix`, its formats, ShellCheck and what was measured, on the command line."""

import io
import json
import stat
from pathlib import Path

import pytest

from dockyard.cli.lint import shellcheck
from dockyard.cli.lint.shellcheck import ShellCheckFailedError
from dockyard.cli.main import run
from dockyard.content.layout import Layout
from dockyard.layers.tar import Entry
from making.images import image, layer

Capture = pytest.CaptureFixture[str]
TEXT = "FROM a:1.2\nrun apk add b\nRUN c\n"
FIXED = "FROM a:1.2\nRUN apk add --no-cache b\nRUN c\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "src" / "Dockerfile"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_fix_writes_the_file_and_tells_what_it_did(file: Path, capsys: Capture) -> None:
    file.chmod(0o640)
    assert run(["lint", str(file), "--fix"]) == 0
    assert file.read_text() == FIXED
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    out = capsys.readouterr().out
    assert f"{file}:2: fixed[apk-cache]: " in out
    assert f"{file}:2: fixed[keyword-casing]: " in out
    assert f"{file}:2: warning[pin-apk]: " in out
    before = file.stat()
    assert run(["lint", str(file), "--fix"]) == 0
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "fixed[" not in capsys.readouterr().out


def test_fix_with_diff_shows_and_writes_nothing(file: Path, capsys: Capture) -> None:
    assert run(["lint", str(file), "--fix", "--diff"]) == 0
    assert file.read_text() == TEXT
    assert "-run apk add b\n+RUN apk add --no-cache b\n" in capsys.readouterr().out


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "Dockerfile"
    link.symlink_to(file)
    assert run(["lint", str(link), "--fix"]) == 0
    assert link.is_symlink()
    assert file.read_text() == FIXED


def test_json_tells_of_fixes_and_of_the_rest(file: Path, capsys: Capture) -> None:
    assert run(["lint", str(file), "--fix", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {each["rule"] for each in document["fixed"]} == {"apk-cache", "keyword-casing"}
    assert not any(each["fixable"] for each in document["findings"])


def test_only_the_rules_that_were_asked_for_are_fixed(file: Path) -> None:
    assert run(["lint", str(file), "--fix", "--rule", "keyword-casing"]) == 0
    assert file.read_text() == TEXT.replace("run", "RUN")


@pytest.mark.parametrize(
    ("words", "reference"),
    [
        (["-", "--fix"], "fix-needs-file"),
        (["-", "--diff"], "usage"),
        (["-", "--label", "a=colour"], "label-schema-invalid"),
        (["-", "--label", "=text"], "label-schema-invalid"),
        (["-", "--also", "nothing"], "rule-unknown"),
    ],
)
def test_a_wrong_wish_is_told(
    words: list[str], reference: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert run(["lint", *words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["reference"] == reference


def test_the_formats_of_other_programs(file: Path, capsys: Capture) -> None:
    for format in ("gitlab", "codeclimate"):
        assert run(["lint", str(file), "--format", format]) == 0
        assert {each["check_name"] for each in json.loads(capsys.readouterr().out)} >= {"apk-cache"}
    assert run(["lint", str(file), "--format", "checkstyle"]) == 0
    assert '<error line="2"' in capsys.readouterr().out


def test_the_instance_says_what_it_trusts_and_which_labels_it_wants(file: Path, capsys: Capture) -> None:
    words = ["--trusted-registry", "r.example.org", "--label", "version=semver", "--label", "team"]
    assert run(["lint", str(file), *words]) == 1
    out = capsys.readouterr().out
    assert "docker.io is not among the trusted registries" in out
    assert "the label version is missing" in out
    assert "the label team is missing" in out


needs_shellcheck = pytest.mark.skipif(shellcheck.find() is None, reason="ShellCheck is not installed")
SCRIPT = "FROM a:1.2\nARG B\nRUN echo one \\\n  # why\n  $B ${C?}\nRUN <<EOF\ncd /x\nif [ $B = 1 ]; then c; fi\nEOF\n"


@needs_shellcheck
def test_shellcheck_reads_the_runs(file: Path, capsys: Capture) -> None:
    file.write_text(SCRIPT)
    assert run(["lint", str(file), "--rule", "shellcheck", "--json"]) == 0
    found = [(each["line"], each["rule"]) for each in json.loads(capsys.readouterr().out)["findings"]]
    assert (5, "SC2086") in found
    assert (7, "SC2164") in found
    assert (8, "SC2086") in found
    assert not [each for each in found if each[1] in ("SC2154", "SC2034")]


@needs_shellcheck
def test_shellcheck_can_be_left_out_and_silenced(file: Path, capsys: Capture) -> None:
    file.write_text(SCRIPT)
    assert run(["lint", str(file), "--no-shellcheck"]) == 0
    assert "[SC" not in capsys.readouterr().out
    file.write_text(SCRIPT.replace("RUN echo", "# hadolint ignore=SC2086\nRUN echo"))
    assert run(["lint", str(file), "--rule", "SC2086"]) == 0
    out = capsys.readouterr().out
    assert ":9: info[SC2086]" in out
    assert out.count("[SC") == 1


def test_a_shellcheck_that_does_not_work_is_told(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    program = tmp_path / "bin" / "shellcheck"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho broken >&2\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert run(["lint", str(file)]) == ShellCheckFailedError.exit_code != 0
    assert "broken" in capsys.readouterr().err


def test_the_images_layers_are_looked_into(file: Path, home: Path, capsys: Capture) -> None:
    store = Layout(home / "store", create=True)
    base = layer(store, {"bin/sh": b"x"})
    lists = layer(store, {"var/lib/apt/lists/a": b"y" * 400_000, "root/.cache/pip/b": Entry("", size=0)})
    made = image(store, base, lists)
    store.tag("docker.io/library/shop:1", made.descriptor)
    file.write_text("FROM a:1.2\nRUN layer 1\n")
    assert run(["lint", str(file), "--image", "shop:1", "--rule", "leftover-files"]) == 0
    assert "the package lists of apt (/var/lib/apt/lists): 1 file, 400 kB in this layer" in capsys.readouterr().out
    assert run(["lint", str(file), "--image", "shop:2"]) != 0


def test_a_base_in_the_store_is_known_by_its_platforms(file: Path, home: Path, capsys: Capture) -> None:
    store = Layout(home / "store", create=True)
    made = image(store, layer(store, {"a": b"b"}))
    store.tag("docker.io/library/only:1", made.descriptor)
    file.write_text(
        "FROM --platform=linux/s390x only:1\nFROM --platform=linux/amd64 only:1\nFROM --platform=linux/arm64 other:1\n"
    )
    assert run(["lint", str(file), "--rule", "InvalidBaseImagePlatform", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["line"], each["message"]) for each in found] == [
        (1, "only:1 exists for linux/amd64, not for linux/s390x")
    ]


def test_without_shellcheck_only_who_asks_for_it_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(shellcheck, "find", lambda: None)
    assert run(["lint", str(file)]) == 0
    assert "[SC" not in capsys.readouterr().out
    assert run(["lint", str(file), "--rule", "SC2086", "--json"]) != 0
    assert json.loads(capsys.readouterr().out)["error"]["reference"] == "shellcheck-missing"
