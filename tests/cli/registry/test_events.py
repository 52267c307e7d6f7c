"""`dockyard registry audit`, `webhook` and `replication`: every verb over a registry in a folder."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockyard.cli.main import run
from dockyard.server.audit import chain
from dockyard.server.following import begin_at_the_end
from dockyard.server.schema.audit import AUDIT_LINK
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER
from making.pushed import image, opened

Say = Callable[..., Any]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    with opened(tmp_path / "registry") as instance:
        image(instance.registry, "shop/web", "1.0")
        image(instance.registry, "shop/web", "2.0", note="2")
        chain.extend(instance.database)

    def call(*words: str, code: int = 0, plain: bool = False) -> Any:
        capsys.readouterr()
        said = [] if plain else ["--json"]
        assert run(["registry", *words, "--storage", str(tmp_path / "registry"), *said]) == code
        out = capsys.readouterr().out
        return out if plain else json.loads(out)

    return call


def test_the_audit_log_is_listed_and_exported(say: Say, tmp_path: Path) -> None:
    assert [each["reference"] for each in say("audit", "list", "--kind", "push")["events"]] == ["2.0", "1.0"]
    first = say("audit", "list", "--count", "1", "--before", "2")["events"][0]
    assert (first["id"], first["kind"], first["reference"]) == (1, "project.create", "shop")
    assert [each["kind"] for each in say("audit", "list", "--kind", "*.create")["events"]] == ["project.create"]
    assert say("audit", "list", "--kind", "*.refused")["events"] == []
    assert say("audit", "list", "--until", "2001-01-01")["events"] == []
    assert "shop/web" in say("audit", "list", plain=True)
    lines = say("audit", "export", plain=True).splitlines()
    assert [json.loads(each)["reference"] for each in lines] == ["shop", "1.0", "2.0"]
    assert len(list(csv.DictReader(io.StringIO(say("audit", "export", "--format", "csv", plain=True))))) == 3
    assert say("audit", "export", "--output", str(tmp_path / "out"))["lines"] == 3
    assert say("audit", "list", "--since", "yesterday", code=2)["error"]["reference"] == "usage"


def test_tampering_with_the_audit_log_shows_and_fails(say: Say, tmp_path: Path) -> None:
    whole = say("audit", "verify")
    assert (whole["whole"], whole["events"]) == (True, 3)
    assert say("audit", "verify", "--expect", whole["head"])["known"] is True
    assert say("audit", "verify", "--expect", "f" * 64, code=1)["error"]["reference"] == "audit-broken"
    with opened(tmp_path / "registry") as instance:
        instance.database.write(lambda connection: connection.execute(EVENT.update().values(actor="x")).rowcount)
    assert "event 1 changed" in say("audit", "verify", code=1)["error"]["message"]


def test_old_events_are_removed_only_when_asked(say: Say) -> None:
    assert say("audit", "prune", "--older-than", "1d") == {"removed": 0}
    assert say("audit", "prune", "--older-than", "soon", code=2)["error"]["reference"] == "usage"
    assert say("audit", "prune", "--older-than", "1h", "--keep", "NO", code=2)["error"]["reference"] == "audit-prune"


def test_old_events_are_counted_and_go_but_for_some_kinds_and_by_schedule(say: Say, tmp_path: Path) -> None:
    with opened(tmp_path / "registry") as instance:
        database = instance.database
        for table in (AUDIT_LINK, FOLLOWER):  # the links are over the times, too
            database.write(lambda connection, table=table: connection.execute(table.delete()).rowcount)  # type: ignore[misc]
        database.write(lambda connection: connection.execute(EVENT.update().values(at=1000)).rowcount)
        for name in ("webhooks", "replication"):
            begin_at_the_end(database, name)
    words = ("--older-than", "30d", "--keep", "project.*")
    assert say("audit", "prune", *words, "--dry-run") == {"removed": 2, "kinds": {"push": 2}}
    assert "2 events would be removed" in say("audit", "prune", *words, "--dry-run", plain=True)
    assert say("audit", "prune", *words) == {"removed": 2}
    assert [each["kind"] for each in say("audit", "list")["events"]] == ["audit.prune", "project.create"]
    assert say("audit", "verify")["whole"] is True
    assert say("audit", "schedule") == {"pruning": None}
    made = say("audit", "schedule", "--every", "0 3 * * *", *words)["pruning"]
    assert (made["schedule"], made["hours"], made["keep"]) == ("0 3 * * *", 720, ["project.*"])
    assert "older than 720 hours go by 0 3 * * *, but project.*" in say("audit", "schedule", plain=True)
    assert say("audit", "schedule", "--every", "6h", code=2)["error"]["message"] == "half a schedule"
    assert say("audit", "schedule", "--never", *words, code=2)["error"]["reference"] == "usage"
    assert say("audit", "schedule", "--never") == {"pruning": None}


def test_webhooks_are_added_switched_and_removed(say: Say) -> None:
    made = say("webhook", "add", "https://ci.example/hook", "--project", "shop", "--kind", "push", "--form", "docker")
    assert made["secret"].startswith("whsec_")
    assert (made["kinds"], made["format"]) == (["push"], "docker")
    [listed] = say("webhook", "list")["webhooks"]
    assert "secret" not in listed
    assert "https://ci.example/hook" in say("webhook", "list", plain=True)
    assert say("webhook", "off", "1")["active"] is False
    assert say("webhook", "log") == {"deliveries": []}
    assert say("webhook", "redeliver", "7", code=2)["error"]["reference"] == "delivery-unknown"
    assert say("webhook", "rm", "1") == {"removed": 1}
    assert say("webhook", "on", "1", code=2)["error"]["reference"] == "webhook-unknown"
    assert say("webhook", "add", "file:///etc", code=2)["error"]["reference"] == "webhook-invalid"


def test_replication_rules_are_added_run_and_removed(say: Say) -> None:
    words = ("--push-to", "127.0.0.1:9", "--repositories", "shop/*", "--rate", "1MB", "--schedule", "0 3 * * *")
    made = say("replication", "add", "off-site", *words)
    assert (made["direction"], made["rate"], made["schedule"]) == ("push", 1_000_000, "0 3 * * *")
    assert [each["name"] for each in say("replication", "list")["rules"]] == ["off-site"]
    assert say("replication", "run", "off-site") == {"run": 1}
    assert say("replication", "history")["runs"][0]["state"] == "listing"
    assert say("replication", "errors", "1") == {"errors": []}
    assert say("replication", "off", "off-site")["active"] is False
    assert say("replication", "rm", "off-site") == {"removed": "off-site"}
    assert say("replication", "rm", "off-site", code=2)["error"]["reference"] == "replication-rule-unknown"
    assert say("replication", "add", "x", code=2)["error"]["message"] == "name one other registry"
    assert say("replication", "add", "x", *words[:2], "--schedule", "never", code=2)["error"]["reference"] == (
        "schedule-invalid"
    )


def test_endpoints_are_kept_by_name_and_used_by_rules(say: Say) -> None:
    assert say("endpoint", "add", "backup", code=2)["error"]["message"] == "no registry given"
    assert say("endpoint", "add", "backup", "https://x.test/y", code=2)["error"]["reference"] == (
        "replication-endpoint-invalid"
    )
    assert say("endpoint", "add", "backup", "127.0.0.1:9", "--username", "copier")["username"] == "copier"
    assert say("replication", "add", "off-site", "--push-to", "backup")["registry"] == "127.0.0.1:9"
    refused = say("replication", "set", "off-site", "--username", "other", code=2)["error"]
    assert refused["message"] == "the endpoint says the username"
    assert say("endpoint", "ping", "backup", code=3)["trouble"]
    assert say("endpoint", "ping", "backup", "x.test", code=2)["error"]["message"].startswith("ping takes")
    assert say("endpoint", "rm", "backup", code=2)["error"]["reference"] == "replication-endpoint-used"
    say("replication", "rm", "off-site")
    assert say("endpoint", "rm", "backup") == {"removed": "backup"}
    assert say("endpoint", "list") == {"endpoints": []}
