"""`dockyard registry … --server`: the same verbs through the management API of a running server."""

import base64
import json
import re
import time
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

pytestmark = pytest.mark.slow

PASSWORD = "correct horse"
Say = Callable[..., Any]


def login(folder: Path, address: str, secret: str) -> None:
    folder.mkdir(exist_ok=True)
    pair = base64.b64encode(f"root:{secret}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": pair}}}))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with opened(tmp_path / "registry") as instance:
        for tag in ("1", "2", "3"):
            image(instance.registry, "shop/web", tag, [tag.encode() * 1000], note=tag)
        image(instance.registry, "shop/plain", "9", [])
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


def until(what: Callable[[], bool]) -> None:
    """Wait for what the server does in its own time."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


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
    assert say("label", "add", "approved", "--project", "shop", "--color", "#14683A")["color"] == "#14683a"
    assert say("label", "add", "lts", "--description", "long")["project"] == ""
    assert say("label", "put", "approved", "shop/web:1") == {"image": "shop/web:1", "labels": ["approved"]}
    assert say("label", "put", "lts", "shop/web:1")["labels"] == ["approved", "lts"]
    assert say("label", "take", "lts", "shop/web:1") == {"image": "shop/web:1", "taken": "lts"}
    (listed,) = say("label", "list", "--project", "shop")["labels"]
    assert (listed["name"], listed["artifacts"]) == ("approved", 1)
    assert say("label", "set", "lts", "--rename", "long term")["name"] == "long term"
    assert say("label", "rm", "long term") == {"removed": "long term"}
    assert say("label", "rm", "none", code=2)["error"]["reference"] == "label-unknown"
    assert say("lockout") == {"lockouts": []}
    assert "nobody has to wait as address" in say("lockout", "lift", "192.0.2.7", code=2)["error"]["message"]
    rule = say("rule", "add", "shop", "immutable", "v*")
    assert say("rule", "list", "shop")["rules"] == [rule]
    say("rule", "rm", "shop", str(rule["number"]))
    keep = say("retention", "add", "shop", "latest-pushed", "1")
    assert say("retention", "list", "shop")["rules"] == [keep]
    assert say("retention", "schedule", "shop", "24")["hours"] == 24
    assert say("retention", "dry-run", "shop")["removed"] == 2
    job = say("retention", "run", "shop")["job"]
    until(lambda: job in {each["number"] for each in say("jobs", "list", "--state", "done")["jobs"]})
    say("retention", "rm", "shop", str(keep["number"]))
    assert say("quota", "set", "shop", "1GB")["quotas"][0]["most"] == 10**9
    assert {each["project"] for each in say("quota")["quotas"]} == {"shop", "team"}
    number = say("exemption", "add", "shop", "CVE-2026-1", "--reason", "not reached", "--until", "30d")["number"]
    assert say("exemption", "list", "shop")["exemptions"][0]["subject"] == "CVE-2026-1"
    say("exemption", "rm", "shop", str(number))
    number = say("exemption", "add", "CVE-2026-2", "--everywhere", "--reason", "not ours")["number"]
    assert [each["project"] for each in say("exemption", "list", "shop")["exemptions"]] == [""]
    assert [each["subject"] for each in say("exemption", "list", "--everywhere")["exemptions"]] == ["CVE-2026-2"]
    say("exemption", "rm", "shop", str(number), code=2)
    say("exemption", "rm", str(number), "--everywhere")
    assert say("jobs", "run", "sweep")["job"] > 0
    assert say("jobs", "list", "retention")["jobs"][0]["name"] == "retention"
    say("jobs", "cancel", "99999", code=2)
    say("project", "rm", "team")
    proved = say("verify", "--deep")
    assert (proved["whole"], proved["tags"]) == (True, 2)
    assert say("rm", "shop/plain") == {"removed": "shop/plain", "repositories": ["shop/plain"]}
    assert say("rm", "shop", "--project", code=2)["error"]["context"]["reference"] == "project-not-empty"
    assert say("rm", "shop", "--project", "--force")["repositories"] == ["shop/web"]


def test_everything_is_scanned_now_and_by_schedule_through_a_server(say: Say) -> None:
    assert say("advisory", "schedule") == {"scanning": None}
    job = say("advisory", "scan", "--all")["job"]
    until(lambda: job in {each["number"] for each in say("jobs", "list", "scan-all", "--state", "done")["jobs"]})
    made = say("advisory", "schedule", "--every", "0 3 * * *", "--rematch")["scanning"]
    assert (made["schedule"], made["rematch"]) == ("0 3 * * *", True)
    assert say("advisory", "schedule")["scanning"] == made
    assert say("advisory", "schedule", "--never") == {"scanning": None}


def test_images_are_copied_through_a_server(say: Say) -> None:
    say("project", "add", "prod")
    made = say("copy", "shop/web:3", "prod/web")
    assert (made["repository"], made["tag"], made["manifests"]) == ("prod/web", "3", 1)
    assert say("copy", "shop/web:3", "prod/web:stable")["tag"] == "stable"
    refused = say("copy", "shop/web:2", "prod/web:stable", code=2)["error"]
    assert refused["context"]["reference"] == "copy-taken"
    assert say("copy", "shop/web:2", "prod/web:stable", "--override")["tags"] == 1


def test_images_are_removed_through_a_server(say: Say) -> None:
    tried = say("rm", "shop/web:3", "shop/web:2", "--dry-run")
    assert (tried["repository"], tried["tags"], len(tried["images"])) == ("shop/web", ["2", "3"], 2)
    assert tried["bytes"] > 2000
    assert say("rm", "shop/web:3", "--tags-only")["images"] == []
    assert say("rm", "shop/web:2", "shop/web:3")["stays"] == [{"name": "3", "reason": "it is not there"}]


def test_accounts_and_keyless_rules_are_managed_through_a_server(say: Say) -> None:
    assert say("user", "add", "bob", "--source", "ldap", "--email", "bob@x.test")["email"] == "bob@x.test"
    assert say("user", "set", "bob", "--disabled")["disabled"] is True
    assert [each["name"] for each in say("user")["users"]] == ["ann", "bob", "root"]
    assert say("group", "add", "crew", "ann")["accounts"] == ["ann"]
    assert say("group", "set", "crew", "ann", "--leave")["accounts"] == []
    assert [each["name"] for each in say("group")["groups"]] == ["crew"]
    assert say("token", "add", "root", "laptop", "--scope", "read-only")["token"].startswith("dyp_")
    assert [each["name"] for each in say("token", "list", "root")["tokens"]] == ["laptop"]
    assert say("token", "rm", "root", "laptop") == {"removed": "laptop"}
    assert say("group", "rm", "crew") == {"removed": "crew"}
    assert say("user", "rm", "bob") == {"removed": "bob"}
    words = ["--issuer", "https://ci.test", "--audience", "us", "--claim", "sub=x", "--allow", "pull:shop/{web,api}"]
    made = say("keyless", "add", "ci", "--project", "shop", *words)
    assert made["permissions"] == [{"repositories": ["shop/{web,api}"], "actions": ["pull"]}]
    assert say("keyless", "list", "--project", "shop")["rules"] == [made]
    assert say("keyless", "set", "ci", "--disabled")["disabled"] is True
    assert say("keyless", "rm", "ci") == {"removed": "ci"}


def test_webhooks_are_managed_through_a_server(say: Say) -> None:
    made = say("webhook", "add", "http://127.0.0.1:9/x", "--project", "shop", "--kind", "push")
    assert made["secret"].startswith("whsec_")
    number = str(made["number"])
    assert say("webhook", "set", number, "--url", "http://127.0.0.1:9/y", "--kind", "quota.*")["kinds"] == ["quota.*"]
    assert say("webhook", "off", number)["active"] is False
    assert say("webhook", "on", number)["active"] is True
    assert [each["url"] for each in say("webhook", "list", "--project", "shop")["webhooks"]] == ["http://127.0.0.1:9/y"]
    tried = say("webhook", "test", number, code=3)
    assert (tried["state"], tried["attempts"], tried["kind"]) == ("dead", 1, "webhook.test")
    assert "not allowed" in tried["tries"][0]["error"] or "public" in tried["tries"][0]["error"]
    assert [each["number"] for each in say("webhook", "log", number)["deliveries"]] == [tried["number"]]
    assert [each["number"] for each in say("webhook", "log")["deliveries"]] == [tried["number"]]
    assert say("webhook", "redeliver", str(tried["number"])) == {"waiting": tried["number"]}
    assert "no delivery 99" in say("webhook", "redeliver", "99", code=2)["error"]["message"]
    assert say("webhook", "rm", number) == {"removed": made["number"]}


def test_replication_is_managed_through_a_server(server: Server, say: Say) -> None:
    made = say(
        "replication", "add", "self", "--push-to", server.address, "--repositories", "shop/*", "--target", "copy/{last}"
    )
    assert (made["direction"], made["parallel"]) == ("push", 2)
    assert say("replication", "set", "self", "--schedule", "6h", "--rate", "10MB")["rate"] == 10**7
    assert made["override"] is True
    assert say("replication", "set", "self", "--no-override")["override"] is False
    assert "one to push" in say("replication", "set", "self", "--pull-from", "x.test", code=2)["error"]["message"]
    assert say("replication", "off", "self")["active"] is False
    assert [each["name"] for each in say("replication")["rules"]] == ["self"]
    denied = say("replication", "dry-run", "self", code=2)["error"]
    assert denied["reference"] == "api-refused", denied
    run = say("replication", "run", "self")["run"]
    assert say("replication", "history", "self")["runs"][0]["number"] == run
    assert say("replication", "errors", str(run))["errors"] == []
    assert say("replication", "cancel", str(run)) == {"cancelled": True}
    assert say("replication", "history", "self")["runs"][0]["error"] == "cancelled"
    assert say("replication", "rm", "self") == {"removed": "self"}


def test_endpoints_are_managed_through_a_server_and_used_by_rules(server: Server, say: Say) -> None:
    made = say("endpoint", "add", "me", server.address, "--description", "itself")
    assert (made["registry"], made["rules"], made["checked_at"]) == (server.address, [], None)
    assert say("replication", "add", "round", "--push-to", "me", "--repositories", "shop/x")["endpoint"] == "me"
    assert say("endpoint", "ping", "me")["trouble"] == ""
    assert say("endpoint", "set", "me", "--username", "nobody")["username"] == "nobody"
    assert say("endpoint", "ping", "me", code=3)["trouble"]
    assert say("endpoint", "list")["endpoints"][0]["rules"] == ["round"]
    assert say("endpoint", "rm", "me", code=2)["error"]["context"]["reference"] == "replication-endpoint-used"
    assert say("endpoint", "set", "me", "--description", "x")["trouble"]
    assert say("endpoint", "set", "me", "127.0.0.1:9")["checked_at"] is None
    assert say("replication", "set", "round", "--push-to", "127.0.0.1:8")["endpoint"] == ""
    assert say("endpoint", "rm", "me") == {"removed": "me"}
    say("replication", "rm", "round")


def test_a_name_that_has_another_form_is_said_to_in_words(say: Say) -> None:
    short = "lower-case letters, digits, dots, dashes and underscores, a letter or digit first, at most 64"
    for words, field, told in [
        (("replication", "add", "Off-Site", "--push-to", "backup.test"), "name", short),
        (("endpoint", "add", "Backup", "backup.test"), "name", short),
        (("webhook", "add", "ftp://x.test"), "url", "a URL that begins with http:// or https://"),
        (("project", "add", "a b"), "name", "projects in lower case"),
    ]:
        error = say(*words, code=2)["error"]
        assert error["message"].startswith(f"{field}: write ")
        assert error["message"].endswith(told)
        assert error["context"][field] in error["message"]
    for words in (("rm", "shop/Web"), ("advisory", "scan", "shop/Web:1"), ("policy", "test", "shop", "shop/Web:1")):
        assert say(*words, code=2)["error"]["message"].startswith("not a repository's name: 'shop/Web'")
    assert say("advisory", "scan", "shop/web:9", code=2)["error"]["message"].endswith("registry: shop/web:9")


def test_the_audit_log_is_read_exported_and_proved_through_a_server(
    server: Server, say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say("project", "add", "team")
    (event,) = say("audit", "list", "--kind", "project.*", "--project", "team", "--actor", "root")["events"]
    assert event["kind"] == "project.create"
    for form in ("jsonl", "csv"):
        out = tmp_path / f"out.{form}"
        assert say("audit", "export", "--format", form, "--kind", "project.*", "--output", str(out))["lines"] >= 1
        assert "project.create" in out.read_text()
    found = say("audit", "verify")
    assert found["whole"] is True
    assert say("audit", "verify", "--expect", found["head"])["known"] is True
    assert say("audit", "verify", "--expect", "0" * 63 + "1", code=1)["error"]["reference"] == "audit-broken"
    words = ("--older-than", "1h", "--keep", "push")
    assert say("audit", "prune", *words, "--dry-run") == {"removed": 0, "kinds": {}}
    job = say("audit", "prune", *words)["job"]
    until(lambda: job in {each["number"] for each in say("jobs", "list", "--state", "done")["jobs"]})
    assert say("audit", "schedule", "--every", "24h", *words)["pruning"]["keep"] == ["push"]
    assert say("audit", "schedule")["pruning"]["hours"] == 1
    assert "often" in say("audit", "schedule", "--every", "often", *words, code=2)["error"]["message"]
    assert say("audit", "schedule", "--never") == {"pruning": None}


def test_policies_and_searches_go_through_a_server_and_work_on_the_storage(
    server: Server, say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say("policy", "show", "shop")["policy"] is None
    assert say("policy", "set", "shop", code=2)["error"]["message"] == "no policy given"
    assert say("policy", "test", "shop", "shop/plain:9")["allowed"] is True
    denied = say("policy", "test", "shop", "shop/plain:9", "--require", "healthcheck", code=1)["error"]
    assert (denied["reference"], "healthcheck" in denied["message"]) == ("project-policy", True)
    assert say("policy", "set", "shop", "--require", "healthcheck", "--warn", "--grace", "1h")["grace"] == 3600
    warned = say("policy", "test", "shop", "shop/plain:9")
    assert (warned["allowed"], warned["warn"], warned["images"][0]["allowed"]) == (True, True, False)
    found = say("search", "we")
    assert found["repositories"] == ["shop/web"]
    tags = say("search", "web:2")["tags"]
    assert [(each["repository"], each["tag"]) for each in tags] == [("shop/web", "2")]
    assert [each["digest"] for each in say("search", tags[0]["digest"][:20])["tags"]] == [tags[0]["digest"]]
    plain = say("search", "plain:9")["tags"][0]["digest"]
    assert say("advisory", "list", "--severity", "high") == {"advisories": []}
    assert say("advisory", "show", "CVE-2026-1") == {"images": []}
    assert say("advisory", "export", "shop", "--output", str(tmp_path / "found.csv"))["lines"] == 1
    assert (tmp_path / "found.csv").read_text().startswith("repository,tags,digest,advisory,severity,")
    assert say("advisory", "scan", "shop/plain:9")["job"] > 0
    assert say("advisory", "scan", "shop/plain:99", code=2)["error"]["reference"] == "api-refused"
    assert say("advisory", "scan", "plain", code=2)["error"]["message"] == "not an image: 'plain'"

    def here(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["registry", *words, "--storage", str(tmp_path / "registry")]) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return out + err

    assert "shop asks: healthcheck" in here("policy", "show", "shop")
    assert "warning: healthcheck" in here("policy", "test", "shop", f"shop/plain@{plain}")
    assert "is denied" in here("policy", "test", "shop", "shop/plain:9", "--require", "healthcheck", code=1)
    assert "not an image of shop" in here("policy", "test", "shop", "web:1", code=2)
    (tmp_path / "dockyard.toml").write_text('[image]\nname = "x.test/shop/web"\n[policy]\nrequire = ["non-root"]\n')
    assert "non-root" in here("policy", "set", "shop", "--file", str(tmp_path / "dockyard.toml"))
    here("policy", "rm", "shop")
    assert "no policy" in here("policy", "show", "shop")
    assert "shop/web:3" in here("search", "3")
    assert "ADVISORY" in here("advisory")
    assert here("advisory", "export", "shop").startswith("repository,tags")
    assert "looks at it" in here("advisory", "scan", "shop/web:3")
    assert "webhook 1; its secret" in here("webhook", "add", "http://127.0.0.1:9/x")
    # The server may have told it of events in the meantime.
    assert re.search(r"delivery \d+ was not taken: 127.0.0.1 is at", here("webhook", "test", "1", code=3))


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
    for words in (["import", "x"], ["migrate"]):
        assert run(["registry", *words, "--server", "127.0.0.1:1"]) == 2
        assert "works on the registry's storage" in capsys.readouterr().err
    assert run(["registry", "verify", "--repair", "--server", "127.0.0.1:1"]) == 2
    assert "a server repairs nothing" in capsys.readouterr().err
    assert run(["registry", "project", "--server", "127.0.0.1:1", "--storage", "x"]) == 2
    assert "a server and a storage" in capsys.readouterr().err
    assert run(["registry", "project", "--server", "http://example.org"]) == 2
    assert "plain HTTP" in capsys.readouterr().err


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["registry", "openapi"]) == 0
    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.1")


def test_exemptions_work_on_the_storage_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path / "registry") as instance:
        image(instance.registry, "shop/web", "1", [b"1"])
    place = ["--storage", str(tmp_path / "registry")]
    assert run(["registry", "exemption", "add", "shop", "CVE-2026-1", "--reason", "why", *place]) == 0
    assert run(["registry", "exemption", "list", "shop", *place]) == 0
    assert "CVE-2026-1" in capsys.readouterr().out
    assert run(["registry", "exemption", "rm", "shop", "1", *place]) == 0
    assert run(["registry", "exemption", "add", "none", "CVE-2026-1", "--reason", "why", *place]) == 2
    assert "there is no project" in capsys.readouterr().err
    assert run(["registry", "exemption", "add", "CVE-2026-2", "--everywhere", "--reason", "why", *place]) == 0
    assert "every project lets CVE-2026-2 pass" in capsys.readouterr().out
    assert run(["registry", "exemption", "list", "shop", *place]) == 0
    assert re.search(r"every +CVE-2026-2", capsys.readouterr().out)
    assert run(["registry", "exemption", "add", "shop", "CVE-2026-2", "--everywhere", "--reason", "why", *place]) == 2
    assert run(["registry", "exemption", "list", *place]) == 2
