"""Retention over a real registry: dry runs tell the truth, runs do what they said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dockyard.registry.interface import WireError
from dockyard.server.instance import Instance
from dockyard.server.rules import retention, retention_rules, tag_rules
from dockyard.server.rules.tag_rules import ProjectRuleInvalidError, ProjectRuleUnknownError
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.rules import RETENTION_RUN
from dockyard.server.stored import deleting, verify
from making.pushed import image, index, opened

DAY = 86_400_000


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path, grace=0) as instance:
        yield instance


def aged(instance: Instance, tag: str, days: int) -> None:
    """Let a tag and its manifest be older."""
    with instance.database.read() as connection:
        digest = connection.execute(select(TAG.c.digest).where(TAG.c.name == tag)).scalar_one()
    old = days * DAY

    def work(connection: object) -> None:
        for table, at in ((TAG, TAG.c.updated_at), (MANIFEST, MANIFEST.c.pushed_at)):
            connection.execute(update(table).where(table.c.digest == digest).values({at: at - old}))  # type: ignore[attr-defined]

    instance.database.write(work)


def test_a_dry_run_names_what_goes_and_exactly_the_bytes_that_this_frees(instance: Instance) -> None:
    registry, holdings = instance.registry, instance.registry.holdings
    image(registry, "team/web", "old", [b"shared" * 100, b"o" * 1000], note="old")
    image(registry, "team/web", "older", [b"o" * 1000, b"oo" * 1000], note="old")
    image(registry, "team/web", "new", [b"shared" * 100, b"n"], note="new")
    image(registry, "else/web", "x", [b"oo" * 1000], note="new")
    aged(instance, "old", 5)
    aged(instance, "older", 6)
    retention_rules.add(instance.database, "team", "latest-pushed", 1)
    plan = retention.plan(holdings, "team")
    assert sorted(tag for _, each in plan.removed() for tag in each.tags) == ["old", "older"]
    before = verify.verify(holdings).bytes
    assert plan.bytes == 1000 + len(b"{}old")
    assert retention.run(holdings, "team", dry=True) == (1, 2, plan.bytes)
    assert registry.tags("team/web", last="", count=9).items == ["new", "old", "older"]
    changed: list[str] = []
    assert retention.run(holdings, "team", changed=changed.append) == (1, 2, plan.bytes)
    assert set(changed) == {"team/web"}
    assert registry.tags("team/web", last="", count=9).items == ["new"]
    assert deleting.collect(holdings).bytes == plan.bytes
    report = verify.verify(holdings, deep=True)
    assert report.whole
    assert report.bytes == before - plan.bytes
    with instance.database.read() as connection:
        runs = connection.execute(select(RETENTION_RUN).order_by(RETENTION_RUN.c.id)).all()
    assert [(each.dry, each.removed, each.bytes) for each in runs] == [(True, 2, plan.bytes), (False, 2, plan.bytes)]


def test_an_index_goes_with_its_parts_and_its_signatures(instance: Instance) -> None:
    registry, holdings = instance.registry, instance.registry.holdings
    children = [image(registry, "team/web", "", [str(each).encode()], note=str(each)) for each in range(3)]
    whole = index(registry, "team/web", "old", children[:2])
    index(registry, "team/web", "new", children[1:])
    sign = image(registry, "team/web", "", [b"signature"], subject=whole, note="sig")
    image(registry, "team/web", f"sha256-{whole.hex}.sig", [b"cosign"], note="cosign")
    aged(instance, "old", 5)
    retention_rules.add(instance.database, "team", "pushed-within", 2)
    assert retention.run(holdings, "team").removed == 4
    for gone in (whole, children[0], sign):
        with pytest.raises(WireError, match="MANIFEST_UNKNOWN"):
            registry.manifest("team/web", str(gone))
    assert verify.verify(holdings).whole
    assert registry.tags("team/web", last="", count=9).items == ["new"]


def test_what_is_pushed_or_made_immutable_after_the_plan_stays(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, holdings = instance.registry, instance.registry.holdings
    for tag in ("a", "b", "c", "d"):
        image(registry, "team/web", tag, note=tag)
        aged(instance, tag, 5)
    image(registry, "team/web", "new", note="new")
    retention_rules.add(instance.database, "team", "latest-pushed", 1)
    original = retention.plan

    def plan(*words: object) -> retention.Plan:
        found = original(*words)  # type: ignore[arg-type]
        image(registry, "team/web", "a", note="a")
        index(registry, "team/web", "i", [registry.manifest("team/web", "b").digest])
        tag_rules.add(instance.database, "team", "immutable", "c")
        return found

    monkeypatch.setattr(retention, "plan", plan)
    outcome = retention.run(holdings, "team")
    assert (outcome.kept, outcome.removed) == (4, 1)
    assert registry.tags("team/web", last="", count=9).items == ["a", "b", "c", "i", "new"]
    assert verify.verify(holdings).whole


def test_a_project_without_rules_keeps_everything(instance: Instance) -> None:
    image(instance.registry, "team/web", "1")
    assert retention.run(instance.registry.holdings, "team") == (0, 0, 0)
    assert instance.registry.tags("team/web", last="", count=9).items == ["1"]


def test_rules_that_cannot_be_are_refused(instance: Instance) -> None:
    image(instance.registry, "team/web", "1")
    for keep, amount in (("sometimes", 1), ("latest-pushed", 0), ("pushed-within", -1)):
        with pytest.raises(ProjectRuleInvalidError):
            retention_rules.add(instance.database, "team", keep, amount)
    rule = retention_rules.add(instance.database, "team", "always", tags="v*")
    assert retention_rules.listed(instance.database, "team") == [rule]
    retention_rules.remove(instance.database, "team", rule.number)
    with pytest.raises(ProjectRuleUnknownError):
        retention_rules.remove(instance.database, "team", rule.number)


def test_a_schedule_says_once_when_it_is_time(instance: Instance) -> None:
    image(instance.registry, "team/web", "1")
    retention_rules.schedule(instance.database, "team", 2)
    assert retention_rules.due(instance.database) == []
    from dockyard.server.schema.rules import RETENTION

    instance.database.write(lambda connection: connection.execute(update(RETENTION).values(next_at=1)).rowcount)
    assert retention_rules.due(instance.database) == ["team"]
    assert retention_rules.due(instance.database) == []
    retention_rules.schedule(instance.database, "team", 0)
    instance.database.write(lambda connection: connection.execute(update(RETENTION).values(next_at=1)).rowcount)
    assert retention_rules.due(instance.database) == []
    assert instance.registry.tags("team/web", last="", count=9).items == ["1"]
