"""`dockyard registry … --server`: the same verbs through the management API of a running server."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.cli.main import run
from dockyard.server.access import users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.database import open_database
from making.pushed import image, opened
from making.serving import Server

PASSWORD = "correct horse"
Say = Callable[..., Any]


def login(folder: Path, address: str, secret: str) -> None:
    folder.mkdir(exist_ok=True)
    pair = base64.b64encode(f"root:{secret}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": pair}}}))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with opened(tmp_path / "registry") as house:
        for tag in ("1", "2", "3"):
            image(house.registry, "shop/web", tag, [tag.encode() * 1000], note=tag)
    database = open_database("", tmp_path / "registry")
    users.add(database, SYSTEM, "root", password=PASSWORD, admin=True)
    users.add(database, SYSTEM, "ann", password=PASSWORD)
    database.close()
    found = Server(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path / "home"))
    login(tmp_path / "docker", found.address, PASSWORD)
    yield found
    found.stop()


@pytest.fixture
def say(server: Server, capsys: pytest.CaptureFixture[str]) -> Say:
    def ask(*words: str, code: int = 0) -> Any:
        assert run(["registry", *words, "--server", server.address, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return ask


def test_every_verb_that_takes_a_server_works_through_it(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert say("project", "add", "team", "--public")["public"] is True
    assert say("project", "set", "team", "--no-public")["public"] is False
    assert [each["name"] for each in say("project")["projects"]] == ["shop", "team"]
    assert say("member", "add", "team", "ann", "--role", "developer")["role"] == "developer"
    assert [each["name"] for each in say("member", "list", "team")["members"]] == ["ann", "root"]
    assert say("member", "rm", "team", "ann") == {"removed": "ann"}
    made = say("robot", "add", "ci", "--project", "team", "--allow", "pull,push:team/web")
    assert (made["name"], made["secret"][:4]) == ("robot+team+ci", "dyr_")
    assert say("robot", "set", "robot+team+ci", "--disabled")["disabled"] is True
    assert say("robot", "renew", "robot+team+ci")["secret"] != made["secret"]
    assert [each["name"] for each in say("robot", "--project", "team")["robots"]] == ["robot+team+ci"]
    say("robot", "rm", "robot+team+ci")
    rule = say("rule", "add", "shop", "immutable", "v*")
    assert say("rule", "list", "shop")["rules"] == [rule]
    say("rule", "rm", "shop", str(rule["number"]))
    keep = say("retention", "add", "shop", "latest-pushed", "1")
    assert say("retention", "list", "shop")["rules"] == [keep]
    assert say("retention", "schedule", "shop", "24")["hours"] == 24
    assert say("retention", "dry-run", "shop")["removed"] == 2
    assert say("retention", "run", "shop")["job"] > 0
    say("retention", "rm", "shop", str(keep["number"]))
    assert say("quota", "set", "shop", "1GB")["quotas"][0]["most"] == 10**9
    assert {each["project"] for each in say("quota")["quotas"]} == {"shop", "team"}
    number = say("exemption", "add", "shop", "CVE-2026-1", "--reason", "not reached", "--until", "30d")["number"]
    assert say("exemption", "list", "shop")["exemptions"][0]["subject"] == "CVE-2026-1"
    say("exemption", "rm", "shop", str(number))
    assert say("jobs", "run", "sweep")["job"] > 0
    assert say("jobs", "list", "retention")["jobs"][0]["name"] == "retention"
    say("jobs", "cancel", "99999", code=2)
    say("project", "rm", "team")


def test_what_the_server_refuses_is_told_with_its_reason(
    server: Server, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = say("rule", "list", "nothing", code=2)["error"]
    assert refused["reference"] == "api-refused"
    assert refused["context"]["reference"] == "project-unknown"
    login(server.folder / "docker", server.address, "wrong")
    denied = say("project", "add", "new", code=2)["error"]
    assert (denied["context"]["status"], "dockyard login" in denied["hint"]) == ("401", True)
    server.stop()
    assert say("project", code=3)["error"]["reference"] == "api-unreachable"


def test_commands_that_need_the_storage_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["user"], ["verify"], ["rm", "a/b"], ["import", "x"], ["keyless"], ["token", "list", "a"]):
        assert run(["registry", *words, "--server", "127.0.0.1:1"]) == 2
        assert "works on the registry's storage" in capsys.readouterr().err
    assert run(["registry", "project", "--server", "127.0.0.1:1", "--storage", "x"]) == 2
    assert "a server and a storage" in capsys.readouterr().err
    assert run(["registry", "project", "--server", "http://example.org"]) == 2
    assert "plain HTTP" in capsys.readouterr().err


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["registry", "openapi"]) == 0
    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.1")


def test_exemptions_work_on_the_storage_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path / "registry") as house:
        image(house.registry, "shop/web", "1", [b"1"])
    place = ["--storage", str(tmp_path / "registry")]
    assert run(["registry", "exemption", "add", "shop", "CVE-2026-1", "--reason", "why", *place]) == 0
    assert run(["registry", "exemption", "list", "shop", *place]) == 0
    assert "CVE-2026-1" in capsys.readouterr().out
    assert run(["registry", "exemption", "rm", "shop", "1", *place]) == 0
    assert run(["registry", "exemption", "add", "none", "CVE-2026-1", "--reason", "why", *place]) == 2
    assert "there is no project" in capsys.readouterr().err
