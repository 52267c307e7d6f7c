"""Replication between two real servers of ours over HTTP: everything comes, once, and nothing of it twice."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3

from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.registry.interface import WireError
from dockyard.server.access.naming import NameTakenError
from dockyard.server.following import begin_at_the_end
from dockyard.server.house import House
from dockyard.server.replication import replicate, rules, runs
from dockyard.server.replication.ends import There
from dockyard.server.replication.rules import ReplicationRuleInvalidError, ReplicationRuleUnknownError, Rule
from dockyard.server.rules import labelled, labels
from dockyard.server.schema.replication import REPLICATION_ITEM, REPLICATION_RULE
from making.pushed import image, index, opened
from making.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "here") as house:
        begin_at_the_end(house.database, replicate.FOLLOWER)
        yield house


def rule(house: House, there: Server, **rest: Any) -> Rule:
    values = {"direction": "push", "target": "copy/{name}", **rest}
    return rules.add(house.database, house.seal, Rule(0, "r", registry=there.address, **values))


def go(house: House, *, seconds: float = 30) -> dict[str, int]:
    return replicate.replicate(house.database, house.registry, house.seal, seconds=seconds)


def tags(there: Server, name: str) -> list[str]:
    answer = urllib3.request("GET", f"http://{there.address}/v2/{name}/tags/list", retries=False)
    return list(answer.json()["tags"]) if answer.status == 200 else []


def digest_of(there: Server, name: str, tag: str) -> str:
    return urllib3.request("HEAD", f"http://{there.address}/v2/{name}/manifests/{tag}").headers["docker-content-digest"]


def state(house: House) -> tuple[str, int]:
    run = runs.history(house.database)[0]
    return run.state, run.left


def test_a_push_is_copied_with_its_index_its_signatures_and_nothing_twice(house: House, there: Server) -> None:
    registry = house.registry
    mine = rule(house, there, events=True, repositories="shop/*")
    one = image(registry, "shop/web", layers=[b"shared" * 9999, b"one"], note="one")
    two = image(registry, "shop/web", layers=[b"shared" * 9999, b"two"], note="two")
    whole = index(registry, "shop/web", "1.0", [one, two])
    signature = image(registry, "shop/web", subject=whole, note="signature")
    sbom = image(registry, "shop/web", subject=one, note="sbom")
    image(registry, "shop/web", f"sha256-{two.hex}.sig", note="cosign")
    image(registry, "other/web", "1.0")
    assert replicate.due(house.database)
    counts = go(house)
    assert counts["blobs"] == 4 + 5, "layers and configurations, each once"
    place = There(mine, "").place("copy/shop/web")
    assert place.head("1.0") == whole
    assert place.head(f"sha256-{two.hex}.sig") is not None
    assert {each.digest for each in place.referrers(whole)} == {signature}
    assert {each.digest for each in place.referrers(one)} == {sbom}
    assert tags(there, "copy/other/web") == []
    assert state(house) == ("done", 0)
    assert not replicate.due(house.database)
    replicate.ask(house.database, mine)
    again = go(house)
    assert (again.get("blobs", 0), again.get("bytes", 0), again.get("tags", 0)) == (0, 0, 0)
    assert again["tags_same"] >= 1


def test_a_rule_copies_only_the_tags_it_names_and_deletes_only_where_it_says_so(house: House, there: Server) -> None:
    registry = house.registry
    rule(house, there, events=True, deletions=True, tags="v*", target="{last}")
    for tag in ("v1", "v2", "dev"):
        image(registry, "shop/web", tag, note=tag)
    go(house)
    assert tags(there, "web") == ["v1", "v2"]
    registry.delete_manifest("shop/web", "v1")
    registry.delete_manifest("shop/web", "dev")
    go(house)
    assert tags(there, "web") == ["v2"]
    registry.delete_manifest("shop/web", str(registry.manifest("shop/web", "v2").digest))
    go(house)
    assert state(house)[0] == "done"


def test_a_rule_by_label_copies_what_has_such_a_label_when_it_gets_it_and_lets_it_stay(
    house: House, there: Server
) -> None:
    registry, database = house.registry, house.database
    mine = rule(house, there, events=True, deletions=True, labels="for-*", target="{last}")
    for tag in ("1", "2", "3"):
        image(registry, "shop/web", tag, note=tag)
    label = labels.add(database, "shop", "for-customers").number
    other = labels.add(database, "", "internal").number
    one = registry.manifest("shop/web", "1").digest
    registry.put_manifest("shop/web", "again", registry.manifest("shop/web", "1").raw, OCI_MANIFEST)
    labelled.put(database, "shop/web", "3", other)
    go(house)
    assert tags(there, "web") == []
    labelled.put(database, "shop/web", "1", label)
    go(house)
    assert tags(there, "web") == ["1", "again"], "every tag of the image that got it"
    signature = image(registry, "shop/web", subject=one, note="signature")
    image(registry, "shop/web", subject=registry.manifest("shop/web", "2").digest, note="of another")
    go(house)
    assert [each.digest for each in There(mine, "").place("web").referrers(one)] == [signature]
    labelled.put(database, "shop/web", "2", label)
    labelled.take(database, "shop/web", "1", label)
    assert [each.reference for each in replicate.plan(database, registry, house.seal, mine)] == ["2"]
    replicate.ask(database, mine)
    go(house)
    assert tags(there, "web") == ["1", "2", "again"], "what has lost its label is not deleted there"
    registry.delete_manifest("shop/web", "again")
    go(house)
    assert tags(there, "web") == ["1", "2"]
    assert state(house)[0] == "done"


def test_a_signature_that_comes_later_follows_its_image_and_no_other(house: House, there: Server) -> None:
    registry = house.registry
    mine = rule(house, there, events=True, tags="v*")
    one, two = image(registry, "shop/web", "v1", note="1"), image(registry, "shop/web", "dev", note="2")
    go(house)
    signature = image(registry, "shop/web", subject=one, note="signature")
    image(registry, "shop/web", subject=two, note="signature of another")
    for each in (one, two):
        image(registry, "shop/web", f"sha256-{each.hex}.sig", note="cosign")
    go(house)
    place = There(mine, "").place("copy/shop/web")
    assert [each.digest for each in place.referrers(one)] == [signature]
    assert place.referrers(two) == []
    assert tags(there, "copy/shop/web") == [f"sha256-{one.hex}.sig", "v1"]


def test_a_comparison_copies_what_is_missing_and_deletes_what_is_gone(house: House, there: Server) -> None:
    registry = house.registry
    mine = rule(house, there, deletions=True)
    image(registry, "shop/web", "1", note="1")
    image(registry, "shop/web", "2", note="2")
    replicate.ask(house.database, mine)
    go(house)
    registry.delete_manifest("shop/web", "1")
    image(registry, "shop/web", "3", [b"x" * 1000], note="3")
    planned = list(replicate.plan(house.database, registry, house.seal, mine))
    assert [(each.reference, each.action) for each in planned] == [("3", "copy"), ("1", "delete")]
    assert planned[0].bytes == 1000 + len("{}3")
    assert tags(there, "copy/shop/web") == ["1", "2"], "a dry run changes nothing"
    replicate.ask(house.database, mine)
    go(house)
    assert tags(there, "copy/shop/web") == ["2", "3"]


def test_a_rule_that_overrides_nothing_leaves_tags_that_lead_elsewhere(house: House, there: Server) -> None:
    registry = house.registry
    mine = rule(house, there, override=False)
    image(registry, "shop/web", "1", note="old")
    replicate.ask(house.database, mine)
    go(house)
    before = digest_of(there, "copy/shop/web", "1")
    image(registry, "shop/web", "1", [b"y" * 1000], note="new")
    image(registry, "shop/web", "2", note="2")
    assert [each.reference for each in replicate.plan(house.database, registry, house.seal, mine)] == ["2"]
    replicate.ask(house.database, mine)
    counts = go(house)
    assert (counts["tags"], counts["tags_kept"]) == (1, 1)
    assert digest_of(there, "copy/shop/web", "1") == before
    assert tags(there, "copy/shop/web") == ["1", "2"]
    rules.change(house.database, house.seal, "r", override=True)
    replicate.ask(house.database, mine)
    assert go(house)["tags"] == 1
    assert digest_of(there, "copy/shop/web", "1") == str(registry.manifest("shop/web", "1").digest)


def test_a_rule_can_pull_from_another_registry(house: House, there: Server) -> None:
    registry = house.registry
    image(registry, "shop/web", "1", note="1")
    image(registry, "shop/api", "1", note="2")
    push = rule(house, there, target="{name}")
    replicate.ask(house.database, push)
    go(house)
    pull = Rule(0, "p", "pull", there.address, "shop/*", target="taken/{rest}")
    pull = rules.add(house.database, house.seal, pull)
    replicate.ask(house.database, pull)
    counts = go(house)
    assert counts["tags"] == 2
    for name in ("web", "api"):
        there_digest = registry.manifest(f"shop/{name}", "1").digest
        assert registry.manifest(f"taken/{name}", "1").digest == there_digest
    replicate.ask(house.database, pull)
    assert go(house).get("blobs", 0) == 0


def test_what_fails_for_a_while_is_tried_again_and_told(
    house: House, there: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicate, "_FIRST_PAUSE_MS", 100)
    monkeypatch.setattr("dockyard.registry.transport.retry", lambda attempt, tries: attempt())
    rule(house, there, events=True)
    there.kill()
    image(house.registry, "shop/web", "1")
    assert go(house) == {"retried": 1}
    assert state(house) == ("running", 1)
    [error] = runs.errors(house.database, 1)
    assert "cannot reach" in error["error"]
    there.start()
    time.sleep(0.2)
    assert go(house)["tags"] == 1
    assert state(house) == ("done", 0)


def test_what_the_other_registry_refuses_has_failed_and_says_why(house: House, there: Server) -> None:
    mine = rule(house, there)
    image(house.registry, "shop/web", "1", [b"layer"])
    # A layer that has vanished from the disk: never acknowledged as copied.
    (house.folder / "blobs/sha256").rename(house.folder / "blobs/away")
    replicate.ask(house.database, mine)
    go(house)
    run = runs.history(house.database)[0]
    assert run.state in ("failed", "running")
    assert tags(there, "copy/shop/web") == []
    assert runs.errors(house.database, run.number)[0]["error"]


def test_a_rule_on_a_schedule_begins_by_itself(house: House, there: Server) -> None:
    mine = rule(house, there, schedule="1h")
    image(house.registry, "shop/web", "1")
    go(house)
    assert tags(there, "copy/shop/web") == []
    house.database.write(lambda connection: connection.execute(REPLICATION_RULE.update().values(next_at=1)).rowcount)
    assert replicate.due(house.database)
    go(house)
    assert tags(there, "copy/shop/web") == ["1"]
    assert runs.history(house.database)[0].trigger == "schedule"
    after = rules.named(house.database, mine.name).next_at
    assert after is not None
    assert after > time.time() * 1000 + 3_000_000


def test_the_rate_bounds_how_fast_bytes_go(house: House, there: Server) -> None:
    mine = rule(house, there, rate=2_000_000, parallel=4)
    for number in range(4):
        image(house.registry, "shop/web", str(number), [bytes([number]) * 1_000_000], note=str(number))
    replicate.ask(house.database, mine)
    begun = time.monotonic()
    go(house)
    assert time.monotonic() - begun > 1.4
    assert len(tags(there, "copy/shop/web")) == 4


def test_a_switched_off_rule_does_nothing_and_a_removed_one_leaves_nothing(house: House, there: Server) -> None:
    rule(house, there, events=True)
    rules.switch(house.database, "r", active=False)
    image(house.registry, "shop/web", "1")
    assert go(house) == {}
    rules.switch(house.database, "r", active=True)
    assert go(house) == {}
    image(house.registry, "shop/web", "2")
    replicate._take_events(house.database)
    rules.remove(house.database, "r")
    with house.database.read() as connection:
        assert connection.execute(REPLICATION_ITEM.select()).all() == []
    with pytest.raises(ReplicationRuleUnknownError):
        rules.remove(house.database, "r")


def test_names_are_rewritten_and_impossible_ones_refused(house: House, there: Server) -> None:
    made = rule(house, there, target="mirror/{rest}")
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
            rules.add(house.database, house.seal, replace(made, **{"name": "x", **bad}))
    with pytest.raises(NameTakenError, match="already"):
        rules.add(house.database, house.seal, made)


def test_the_password_is_sealed(house: House) -> None:
    made = rules.add(house.database, house.seal, Rule(0, "s", "push", "r.example", username="bot"), "hush")
    with house.database.read() as connection:
        assert "hush" not in connection.execute(REPLICATION_RULE.select()).one().secret
    assert rules.secret_of(house.database, house.seal, made) == "hush"
    assert "hush" not in str(made.to_json())


def test_what_is_gone_at_the_source_is_no_error(house: House, there: Server) -> None:
    rule(house, there, events=True)
    image(house.registry, "shop/web", "1")
    house.registry.delete_manifest("shop/web", "1")
    counts = go(house)
    assert counts["gone"] == 1
    assert state(house)[0] == "done"
    with pytest.raises(WireError):
        house.registry.manifest("copy/shop/web", "1")
    place = There(rules.named(house.database, "r"), "").place("copy/shop/web")
    assert not place.exists(Descriptor(OCI_MANIFEST, Digest.of(b"x"), 1))


def test_a_cancelled_run_does_no_more_and_is_told(house: House, there: Server) -> None:
    made = rule(house, there)
    image(house.registry, "shop/web", "1")
    run = replicate.ask(house.database, made)
    assert runs.cancel(house.database, run)
    assert not runs.cancel(house.database, run)
    # What was found out meanwhile is too late.
    runs.listed(house.database, run, [("shop/web", "1", "copy")])
    runs.postponed(house.database, run, "late", None)
    assert go(house) == {}
    assert (runs.run(house.database, run).state, runs.run(house.database, run).error) == ("failed", "cancelled")
    assert tags(there, "copy/shop/web") == []
    with pytest.raises(runs.ReplicationRunUnknownError):
        runs.cancel(house.database, 99)


def test_a_rule_is_changed_in_parts_and_a_wrong_change_changes_nothing(house: House, there: Server) -> None:
    made = rule(house, there, schedule="6h")
    changed = rules.change(house.database, house.seal, "r", "other", schedule="", parallel=5)
    assert (changed.parallel, changed.schedule, changed.next_at, changed.registry) == (5, "", None, made.registry)
    assert rules.secret_of(house.database, house.seal, changed) == "other"
    with pytest.raises(ReplicationRuleInvalidError):
        rules.change(house.database, house.seal, "r", parallel=0, tags="v*")
    assert rules.named(house.database, "r") == changed
    with pytest.raises(ReplicationRuleUnknownError):
        rules.change(house.database, house.seal, "none", parallel=1)
    with pytest.raises(NameTakenError):
        rules.add(house.database, house.seal, replace(changed, registry="x.test"))
