"""`dockyard registry user` and its like, as docs/access.md shows them and beyond."""

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from dockyard.cli.main import run
from dockyard.server.access import tries
from dockyard.server.database import open_database
from dockyard.server.serve import _closed
from dockyard.server.settings import Settings

Say = Callable[..., Any]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs `dockyard registry …` and returns what it prints, as a document with --json."""
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path))

    def do(*words: str, stdin: str = "correct horse\n", code: int = 0) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        given = [*words, "--password-stdin"] if words[:2] == ("user", "add") else list(words)
        assert run(["registry", *given]) == code, capsys.readouterr().err
        out = capsys.readouterr().out
        return json.loads(out) if "--json" in words else out

    return do


def test_the_commands_of_the_page_do_what_it_says(say: Say, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "access.md").read_text()
    text = "".join(re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)).replace("\\\n", "")
    commands = [shlex.split(line.removeprefix("$ dockyard ")) for line in text.splitlines()]
    assert len(commands) == 8
    for words in commands:
        if words[0] == "serve":
            listen = words[words.index("--listen") + 1]
            _closed(Settings(storage=str(tmp_path / "registry"), listen=listen), listen)
        else:
            say(*words[1:])
    assert [each["name"] for each in say("user", "--json")["users"]] == ["ada", "ben"]
    (member,) = say("member", "list", "shop", "--json")["members"]
    assert member == {"kind": "user", "name": "ben", "role": "developer", "repositories": ["shop/web-*"]}
    (robot,) = say("robot", "list", "--project", "shop", "--json")["robots"]
    assert robot["name"] == "robot+shop+ci"
    assert sorted(robot["permissions"][0]["actions"]) == ["pull", "push"]
    (token,) = say("token", "list", "ben", "--json")["tokens"]
    assert (token["name"], token["scope"]) == ("laptop", "read-only")
    (rule,) = say("keyless", "list", "--project", "shop", "--json")["rules"]
    assert rule["claims"] == {"repository": "acme/web", "ref": "refs/heads/main"}
    database = open_database("", tmp_path / "registry")
    for account, address in (("ben", ""), ("", "2001:db8::1")):
        tries.failed(database, account, address, most=0, lock=30)
    database.close()
    found = [(each["kind"], each["subject"]) for each in say("lockout", "--json")["lockouts"]]
    assert found == [("account", "ben"), ("address", "2001:db8::/64")]
    say("lockout", "lift", "ben", "--account")
    assert say("lockout", "lift", "2001:db8::2", "--json") == {"lifted": "2001:db8::2", "kind": "address"}
    assert say("lockout", "--json") == {"lockouts": []}
    for words in (["user", "set", "ben", "--unlock"], ["key", "rotate"], ["user", "set", "ben", "--disabled"]):
        say(*words)
    assert say("user", "--json")["users"][1]["disabled"]


def test_everything_that_is_added_can_be_changed_and_removed(say: Say) -> None:
    say("user", "add", "ada", "--admin")
    say("user", "add", "ben", "--email", "ben@example.org")
    assert say("user", "set", "ben", "--admin", "--json")["admin"]
    say("user", "set", "ben", "--password-stdin", stdin="another horse\n")
    assert "ben" in say("group", "add", "crew", "ada", "ben")
    assert say("group", "set", "crew", "ben", "--leave", "--json")["accounts"] == ["ada"]
    say("project", "add", "shop")
    assert say("project", "set", "shop", "--public", "--json")["public"]
    assert "public" in say("project", "list")
    say("member", "set", "shop", "crew", "--group", "--role", "guest")
    assert "guest" in say("member", "list", "shop")
    say("member", "rm", "shop", "crew", "--group")
    added = say("robot", "add", "ci", "--allow", "pull", "--json")
    assert added["permissions"][0]["repositories"] == ["**"]
    renewed = say("robot", "renew", added["name"], "--json")
    assert renewed["secret"] != added["secret"]
    assert say("robot", "set", added["name"], "--disabled", "--expires", "1d", "--json")["disabled"]
    assert "disabled" in say("robot", "list")
    say("robot", "rm", added["name"])
    say("token", "add", "ben", "laptop", "--expires", "12h")
    assert "laptop" in say("token", "list", "ben")
    say("token", "rm", "ben", "laptop")
    say("keyless", "add", "ci", "--issuer", "https://x.test", "--audience", "a", "--claim", "sub=x", "--allow", "pull")
    assert say("keyless", "set", "ci", "--disabled", "--json")["disabled"]
    assert "https://x.test" in say("keyless", "list")
    say("keyless", "rm", "ci")
    say("group", "rm", "crew")
    say("project", "rm", "shop")
    say("user", "rm", "ben")
    for noun in ("user", "group", "project", "robot"):
        assert "ben" not in say(noun, "list")


@pytest.mark.parametrize(
    ("words", "reference"),
    [
        (["user", "add", "new:name"], "account-name"),
        (["user", "add", "robot+x"], "account-name"),
        (["user", "add", "ada"], "name-taken"),
        (["user", "rm", "ada"], "last-admin"),
        (["user", "set", "ada", "--no-admin"], "last-admin"),
        (["user", "set", "ada", "--disabled"], "last-admin"),
        (["user", "set", "none", "--unlock"], "name-unknown"),
        (["user", "add", "x", "--email", "nonsense"], "usage"),
        (["project", "add", "a/b"], "account-name"),
        (["project", "add", "Upper"], "account-name"),
        (["member", "set", "none", "ada", "--role", "guest"], "name-unknown"),
        (["robot", "add", "ci"], "usage"),
        (["robot", "add", "ci", "--allow", "own:x"], "usage"),
        (["robot", "add", "ci", "--allow", "pull:{a,b"], "glob-invalid"),
        (["robot", "add", "ci", "--allow", "pull", "--expires", "soon"], "usage"),
        (["robot", "add", "ci", "--project", "none", "--allow", "pull"], "name-unknown"),
        (["robot", "rm", "robot+none"], "name-unknown"),
        (["token", "list"], "usage"),
        (["token", "add", "none", "x"], "name-unknown"),
        (
            [
                "keyless",
                "add",
                "x",
                "--issuer",
                "http://evil.test",
                "--audience",
                "a",
                "--allow",
                "pull",
                "--claim",
                "a=b",
            ],
            "issuer-invalid",
        ),
        (["keyless", "add", "x", "--issuer", "https://x.test", "--allow", "pull"], "usage"),
        (["keyless", "rm", "x"], "name-unknown"),
        (["user", "rm"], "usage"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_with_its_reason(say: Say, words: list[str], reference: str) -> None:
    say("user", "add", "ada", "--admin")
    assert say(*words, "--json", code=2)["error"]["reference"] == reference


def test_the_first_account_is_an_admin_with_a_good_password(say: Say) -> None:
    assert "system admin" in say("user", "add", "ada", "--json", code=2)["error"]["message"]
    assert (
        say("user", "add", "ada", "--admin", "--json", stdin="short\n", code=2)["error"]["reference"] == "password-weak"
    )
    assert say("user", "list", "--json") == {"users": []}


@pytest.mark.parametrize(
    "words",
    [
        ["user", "list"],
        ["user", "add", "ada", "--admin"],
        ["project", "add", "shop"],
        ["project", "set", "shop"],
        ["search", "web"],
        ["key", "rotate"],
        ["quota", "list"],
        ["migrate"],
        ["migrate", "--dry-run"],
    ],
)
def test_a_mistyped_folder_is_refused_and_not_made_into_a_registry(words: list[str], say: Say, tmp_path: Path) -> None:
    mistyped = tmp_path / "regsitry"
    said = say(*words, "--storage", str(mistyped), "--json", code=2)
    assert said["error"]["reference"] == "registry-missing"
    assert str(mistyped) in said["error"]["message"]
    assert "--new" in said["error"]["hint"]
    assert not mistyped.exists()


def test_a_folder_with_something_else_in_it_is_no_registry(say: Say, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    for words in (["user", "add", "ada", "--admin"], ["migrate"], ["quota", "list"]):
        said = say(*words, "--storage", str(tmp_path / "other"), "--json", code=2)
        assert said["error"]["reference"] == "registry-missing"
    assert [each.name for each in (tmp_path / "other").iterdir()] == ["file"]


def test_the_first_account_begins_a_registry(say: Say, tmp_path: Path) -> None:
    place = ["--storage", str(tmp_path / "new")]
    say("user", "add", "ada", "--admin", "--new", *place)
    say("user", "add", "ben", "--new", *place)
    assert [each["name"] for each in say("user", *place, "--json")["users"]] == ["ada", "ben"]
    (tmp_path / "registry.toml").write_text(f'storage = "{tmp_path / "set"}"\n')
    say("user", "add", "eve", "--admin", "--config", str(tmp_path / "registry.toml"))
    assert (tmp_path / "set" / "registry.db").is_file()


def test_words_that_are_no_command_lead_to_those_that_are(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["registry", "usr"]) == 2
    assert "dockyard registry user" in capsys.readouterr().err
    assert run(["registry"]) == 2
    assert "registry" in capsys.readouterr().err
