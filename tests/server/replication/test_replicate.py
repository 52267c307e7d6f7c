"""Replication between two real servers of ours over HTTP: everything comes, once, and nothing of it twice."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from sqlalchemy import update

from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.registry.interface import WireError
from dockyard.server.access.naming import NameTakenError
from dockyard.server.following import begin_at_the_end
from dockyard.server.instance import Instance
from dockyard.server.replication import replicate, rules, runs
from dockyard.server.replication.ends import There
from dockyard.server.replication.rules import ReplicationRuleInvalidError, ReplicationRuleUnknownError, Rule
from dockyard.server.rules import labelled, labels
from dockyard.server.schema.replication import REPLICATION_ITEM, REPLICATION_RULE
from making.pushed import image, index, opened
from making.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path / "here") as instance:
        begin_at_the_end(instance.database, replicate.FOLLOWER)
        yield instance


def rule(instance: Instance, there: Server, **rest: Any) -> Rule:
    values = {"direction": "push", "target": "copy/{name}", **rest}
    return rules.add(instance.database, instance.seal, Rule(0, "r", registry=there.address, **values))


def go(instance: Instance, *, seconds: float = 30) -> dict[str, int]:
    return replicate.replicate(instance.database, instance.registry, instance.seal, seconds=seconds)


def tags(there: Server, name: str) -> list[str]:
    answer = urllib3.request("GET", f"http://{there.address}/v2/{name}/tags/list", retries=False)
    return list(answer.json()["tags"]) if answer.status == 200 else []


def digest_of(there: Server, name: str, tag: str) -> str:
    return urllib3.request("HEAD", f"http://{there.address}/v2/{name}/manifests/{tag}").headers["docker-content-digest"]


def state(instance: Instance) -> tuple[str, int]:
    run = runs.history(instance.database)[0]
    return run.state, run.left


def test_a_push_is_copied_with_its_index_its_signatures_and_nothing_twice(instance: Instance, there: Server) -> None:
    registry = instance.registry
    mine = rule(instance, there, events=True, repositories="shop/*")
    one = image(registry, "shop/web", layers=[b"shared" * 9999, b"one"], note="one")
    two = image(registry, "shop/web", layers=[b"shared" * 9999, b"two"], note="two")
    whole = index(registry, "shop/web", "1.0", [one, two])
    signature = image(registry, "shop/web", subject=whole, note="signature")
    sbom = image(registry, "shop/web", subject=one, note="sbom")
    image(registry, "shop/web", f"sha256-{two.hex}.sig", note="cosign")
    image(registry, "other/web", "1.0")
    assert replicate.due(instance.database)
    counts = go(instance)
    assert counts["blobs"] == 4 + 5, "layers and configurations, each once"
    place = There(mine, "").place("copy/shop/web")
    assert place.head("1.0") == whole
    assert place.head(f"sha256-{two.hex}.sig") is not None
    assert {each.digest for each in place.referrers(whole)} == {signature}
    assert {each.digest for each in place.referrers(one)} == {sbom}
    assert tags(there, "copy/other/web") == []
    assert state(instance) == ("done", 0)
    assert not replicate.due(instance.database)
    replicate.ask(instance.database, mine)
    again = go(instance)
    assert (again.get("blobs", 0), again.get("bytes", 0), again.get("tags", 0)) == (0, 0, 0)
    assert again["tags_same"] >= 1


def test_a_rule_copies_only_the_tags_it_names_and_deletes_only_where_it_says_so(
    instance: Instance, there: Server
) -> None:
    registry = instance.registry
    rule(instance, there, events=True, deletions=True, tags="v*", target="{last}")
    for tag in ("v1", "v2", "dev"):
        image(registry, "shop/web", tag, note=tag)
    go(instance)
    assert tags(there, "web") == ["v1", "v2"]
    registry.delete_manifest("shop/web", "v1")
    registry.delete_manifest("shop/web", "dev")
    go(instance)
    assert tags(there, "web") == ["v2"]
    registry.delete_manifest("shop/web", str(registry.manifest("shop/web", "v2").digest))
    go(instance)
    assert state(instance)[0] == "done"


def test_a_rule_by_label_copies_what_has_such_a_label_when_it_gets_it_and_lets_it_stay(
    instance: Instance, there: Server
) -> None:
    registry, database = instance.registry, instance.database
    mine = rule(instance, there, events=True, deletions=True, labels="for-*", target="{last}")
    for tag in ("1", "2", "3"):
        image(registry, "shop/web", tag, note=tag)
    label = labels.add(database, "shop", "for-customers").number
    other = labels.add(database, "", "internal").number
    one = registry.manifest("shop/web", "1").digest
    registry.put_manifest("shop/web", "again", registry.manifest("shop/web", "1").raw, OCI_MANIFEST)
    labelled.put(database, "shop/web", "3", other)
    go(instance)
    assert tags(there, "web") == []
    labelled.put(database, "shop/web", "1", label)
    go(instance)
    assert tags(there, "web") == ["1", "again"], "every tag of the image that got it"
    signature = image(registry, "shop/web", subject=one, note="signature")
    image(registry, "shop/web", subject=registry.manifest("shop/web", "2").digest, note="of another")
    go(instance)
    assert [each.digest for each in There(mine, "").place("web").referrers(one)] == [signature]
    labelled.put(database, "shop/web", "2", label)
    labelled.take(database, "shop/web", "1", label)
    assert [each.reference for each in replicate.plan(database, registry, instance.seal, mine)] == ["2"]
    replicate.ask(database, mine)
    go(instance)
    assert tags(there, "web") == ["1", "2", "again"], "what has lost its label is not deleted there"
    registry.delete_manifest("shop/web", "again")
    go(instance)
    assert tags(there, "web") == ["1", "2"]
    assert state(instance)[0] == "done"


def test_a_signature_that_comes_later_follows_its_image_and_no_other(instance: Instance, there: Server) -> None:
    registry = instance.registry
    mine = rule(instance, there, events=True, tags="v*")
    one, two = image(registry, "shop/web", "v1", note="1"), image(registry, "shop/web", "dev", note="2")
    go(instance)
    signature = image(registry, "shop/web", subject=one, note="signature")
    image(registry, "shop/web", subject=two, note="signature of another")
    for each in (one, two):
        image(registry, "shop/web", f"sha256-{each.hex}.sig", note="cosign")
    go(instance)
    place = There(mine, "").place("copy/shop/web")
    assert [each.digest for each in place.referrers(one)] == [signature]
    assert place.referrers(two) == []
    assert tags(there, "copy/shop/web") == [f"sha256-{one.hex}.sig", "v1"]


def test_a_comparison_copies_what_is_missing_and_deletes_what_is_gone(instance: Instance, there: Server) -> None:
    registry = instance.registry
    mine = rule(instance, there, deletions=True)
    image(registry, "shop/web", "1", note="1")
    image(registry, "shop/web", "2", note="2")
    replicate.ask(instance.database, mine)
    go(instance)
    registry.delete_manifest("shop/web", "1")
    image(registry, "shop/web", "3", [b"x" * 1000], note="3")
    planned = list(replicate.plan(instance.database, registry, instance.seal, mine))
    assert [(each.reference, each.action) for each in planned] == [("3", "copy"), ("1", "delete")]
    assert planned[0].bytes == 1000 + len("{}3")
    assert tags(there, "copy/shop/web") == ["1", "2"], "a dry run changes nothing"
    replicate.ask(instance.database, mine)
    go(instance)
    assert tags(there, "copy/shop/web") == ["2", "3"]


def test_a_rule_that_overrides_nothing_leaves_tags_that_lead_elsewhere(instance: Instance, there: Server) -> None:
    registry = instance.registry
    mine = rule(instance, there, override=False)
    image(registry, "shop/web", "1", note="old")
    replicate.ask(instance.database, mine)
    go(instance)
    before = digest_of(there, "copy/shop/web", "1")
    image(registry, "shop/web", "1", [b"y" * 1000], note="new")
    image(registry, "shop/web", "2", note="2")
    assert [each.reference for each in replicate.plan(instance.database, registry, instance.seal, mine)] == ["2"]
    replicate.ask(instance.database, mine)
    counts = go(instance)
    assert (counts["tags"], counts["tags_kept"]) == (1, 1)
    assert digest_of(there, "copy/shop/web", "1") == before
    assert tags(there, "copy/shop/web") == ["1", "2"]
    rules.change(instance.database, instance.seal, "r", override=True)
    replicate.ask(instance.database, mine)
    assert go(instance)["tags"] == 1
    assert digest_of(there, "copy/shop/web", "1") == str(registry.manifest("shop/web", "1").digest)


def test_a_rule_can_pull_from_another_registry(instance: Instance, there: Server) -> None:
    registry = instance.registry
    image(registry, "shop/web", "1", note="1")
    image(registry, "shop/api", "1", note="2")
    push = rule(instance, there, target="{name}")
    replicate.ask(instance.database, push)
    go(instance)
    pull = Rule(0, "p", "pull", there.address, "shop/*", target="taken/{rest}")
    pull = rules.add(instance.database, instance.seal, pull)
    replicate.ask(instance.database, pull)
    counts = go(instance)
    assert counts["tags"] == 2
    for name in ("web", "api"):
        there_digest = registry.manifest(f"shop/{name}", "1").digest
        assert registry.manifest(f"taken/{name}", "1").digest == there_digest
    replicate.ask(instance.database, pull)
    assert go(instance).get("blobs", 0) == 0


def test_what_fails_for_a_while_is_tried_again_and_told(
    instance: Instance, there: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockyard.registry.transport.retry", lambda attempt, tries: attempt())
    rule(instance, there, events=True)
    there.kill()
    image(instance.registry, "shop/web", "1")
    assert go(instance) == {"retried": 1}
    assert state(instance) == ("running", 1)
    [error] = runs.errors(instance.database, 1)
    assert "cannot reach" in error["error"]
    there.start()
    passed = update(REPLICATION_ITEM).values(due_at=0)  # as once the pause is over
    instance.database.write(lambda connection: connection.execute(passed).rowcount)
    assert go(instance)["tags"] == 1
    assert state(instance) == ("done", 0)


def test_what_the_other_registry_refuses_has_failed_and_says_why(instance: Instance, there: Server) -> None:
    mine = rule(instance, there)
    image(instance.registry, "shop/web", "1", [b"layer"])
    # A layer that has vanished from the disk: never acknowledged as copied.
    (instance.folder / "blobs/sha256").rename(instance.folder / "blobs/away")
    replicate.ask(instance.database, mine)
    go(instance)
    run = runs.history(instance.database)[0]
    assert run.state in ("failed", "running")
    assert tags(there, "copy/shop/web") == []
    assert runs.errors(instance.database, run.number)[0]["error"]


def test_a_rule_on_a_schedule_begins_by_itself(instance: Instance, there: Server) -> None:
    mine = rule(instance, there, schedule="1h")
    image(instance.registry, "shop/web", "1")
    go(instance)
    assert tags(there, "copy/shop/web") == []
    instance.database.write(lambda connection: connection.execute(REPLICATION_RULE.update().values(next_at=1)).rowcount)
    assert replicate.due(instance.database)
    go(instance)
    assert tags(there, "copy/shop/web") == ["1"]
    assert runs.history(instance.database)[0].trigger == "schedule"
    after = rules.named(instance.database, mine.name).next_at
    assert after is not None
    assert after > time.time() * 1000 + 3_000_000


def test_the_rate_bounds_how_fast_bytes_go(instance: Instance, there: Server) -> None:
    mine = rule(instance, there, rate=2_000_000, parallel=4)
    for number in range(4):
        image(instance.registry, "shop/web", str(number), [bytes([number]) * 1_000_000], note=str(number))
    replicate.ask(instance.database, mine)
    begun = time.monotonic()
    go(instance)
    assert time.monotonic() - begun > 1.4
    assert len(tags(there, "copy/shop/web")) == 4


def test_a_switched_off_rule_does_nothing_and_a_removed_one_leaves_nothing(instance: Instance, there: Server) -> None:
    rule(instance, there, events=True)
    rules.switch(instance.database, "r", active=False)
    image(instance.registry, "shop/web", "1")
    assert go(instance) == {}
    rules.switch(instance.database, "r", active=True)
    assert go(instance) == {}
    image(instance.registry, "shop/web", "2")
    replicate._take_events(instance.database)
    rules.remove(instance.database, "r")
    with instance.database.read() as connection:
        assert connection.execute(REPLICATION_ITEM.select()).all() == []
    with pytest.raises(ReplicationRuleUnknownError):
        rules.remove(instance.database, "r")


def test_names_are_rewritten_and_impossible_ones_refused(instance: Instance, there: Server) -> None:
    made = rule(instance, there, target="mirror/{rest}")
    assert made.named("shop/web/api") == "mirror/web/api"
    assert replace(made, target="{last}").named("shop/web") == "web"
    wrong: list[dict[str, Any]] = [
        {"name": "Bad Name"},
        {"target": "UPPER/{name}"},
        {"registry": "http://host"},
        {"registry": "host/path"},
        {"parallel": 0},
        {"rate": -1},
        {"direction": "sideways"},
        {"direction": "pull", "events": True},
    ]
    for bad in wrong:
        with pytest.raises(ReplicationRuleInvalidError):
            rules.add(instance.database, instance.seal, replace(made, **{"name": "x", **bad}))
    with pytest.raises(NameTakenError, match="already"):
        rules.add(instance.database, instance.seal, made)


def test_the_password_is_sealed(instance: Instance) -> None:
    made = rules.add(instance.database, instance.seal, Rule(0, "s", "push", "r.example", username="bot"), "hush")
    with instance.database.read() as connection:
        assert "hush" not in connection.execute(REPLICATION_RULE.select()).one().secret
    assert rules.secret_of(instance.database, instance.seal, made) == "hush"
    assert "hush" not in str(made.to_json())


def test_what_is_gone_at_the_source_is_no_error(instance: Instance, there: Server) -> None:
    rule(instance, there, events=True)
    image(instance.registry, "shop/web", "1")
    instance.registry.delete_manifest("shop/web", "1")
    counts = go(instance)
    assert counts["gone"] == 1
    assert state(instance)[0] == "done"
    with pytest.raises(WireError):
        instance.registry.manifest("copy/shop/web", "1")
    place = There(rules.named(instance.database, "r"), "").place("copy/shop/web")
    assert not place.exists(Descriptor(OCI_MANIFEST, Digest.of(b"x"), 1))


def test_a_cancelled_run_does_no_more_and_is_told(instance: Instance, there: Server) -> None:
    made = rule(instance, there)
    image(instance.registry, "shop/web", "1")
    run = replicate.ask(instance.database, made)
    assert runs.cancel(instance.database, run)
    assert not runs.cancel(instance.database, run)
    # What was found out meanwhile is too late.
    runs.listed(instance.database, run, [("shop/web", "1", "copy")])
    runs.postponed(instance.database, run, "late", None)
    assert go(instance) == {}
    assert (runs.run(instance.database, run).state, runs.run(instance.database, run).error) == ("failed", "cancelled")
    assert tags(there, "copy/shop/web") == []
    with pytest.raises(runs.ReplicationRunUnknownError):
        runs.cancel(instance.database, 99)


def test_a_rule_is_changed_in_parts_and_a_wrong_change_changes_nothing(instance: Instance, there: Server) -> None:
    made = rule(instance, there, schedule="6h")
    changed = rules.change(instance.database, instance.seal, "r", "other", schedule="", parallel=5)
    assert (changed.parallel, changed.schedule, changed.next_at, changed.registry) == (5, "", None, made.registry)
    assert rules.secret_of(instance.database, instance.seal, changed) == "other"
    with pytest.raises(ReplicationRuleInvalidError):
        rules.change(instance.database, instance.seal, "r", parallel=0, tags="v*")
    assert rules.named(instance.database, "r") == changed
    with pytest.raises(ReplicationRuleUnknownError):
        rules.change(instance.database, instance.seal, "none", parallel=1)
    with pytest.raises(NameTakenError):
        rules.add(instance.database, instance.seal, replace(changed, registry="x.test"))
