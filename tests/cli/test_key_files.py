"""Key files that commands are given: what is wrong with one is told with its name, and before work is done in vain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockyard.cli.main import run

Say = Callable[..., dict[str, Any]]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command that must be refused and returns its error."""
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    (tmp_path / "junk").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"-" * 70_000)

    def do(*words: str) -> dict[str, Any]:
        assert run([*words, "--json"]) == 2
        error: dict[str, Any] = json.loads(capsys.readouterr().out)["error"]
        return error

    return do


@pytest.mark.parametrize("name", ["junk", "large"])
@pytest.mark.parametrize(
    "words",
    [
        ("sign", "a:1", "--key"),
        ("verify", "a:1", "--key"),
        ("registry", "policy", "set", "team", "--require", "signed", "--storage", "registry", "--key"),
    ],
)
def test_a_file_that_is_no_key_is_named(refused: Say, words: tuple[str, ...], name: str) -> None:
    error = refused(*words, name)
    assert (error["reference"], error["context"]) == ("key-invalid", {"file": name})


def test_a_key_that_is_not_there_is_named(refused: Say) -> None:
    assert "there is no key nowhere" in refused("verify", "a:1", "--key", "nowhere")["message"]
    assert refused("verify", "a:1", "--key", ".")["reference"] == "file-unusable"


@pytest.mark.parametrize(("table", "name"), [("sign", "key"), ("policy", "keys")])
def test_a_ship_looks_for_its_keys_before_it_builds(refused: Say, tmp_path: Path, table: str, name: str) -> None:
    value = '"nowhere"' if name == "key" else '["nowhere"]'
    (tmp_path / "dockyard.toml").write_text(f'[image]\nname = "127.0.0.1:9/a/b"\n[{table}]\n{name} = {value}\n')
    assert "there is no key nowhere" in refused("ship", "--tag", "1.0.0")["message"]
    assert not list((tmp_path / "home").glob("records/*"))


def test_a_policy_is_read_from_the_file_that_is_named(refused: Say, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[image]\nname = "a/b"\n[policy]\nkeys = ["junk"]\n')
    words = ("registry", "policy", "set", "team", "--storage", "registry", "--file", "other.toml")
    assert refused(*words)["context"] == {"file": "junk"}
    assert "no absent.toml" in refused(*words[:-1], "absent.toml")["message"]
