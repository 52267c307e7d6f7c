"""Labels: of a project and of all, on artifacts and off them, and what goes with what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.registry.interface import WireError
from dockyard.server.browse import artifacts
from dockyard.server.instance import Instance
from dockyard.server.rules import labelled, labels, retention, retention_rules
from dockyard.server.rules.labels import LabelInvalidError, LabelTakenError, LabelUnknownError
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.stored import removing
from making.pushed import image, index, opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path, grace=0) as instance:
        image(instance.registry, "team/web", "1", [b"one"])
        image(instance.registry, "other/web", "1", [b"one"])
        yield instance


def on(instance: Instance, name: str, reference: str = "1") -> list[str]:
    return [each.name for each in artifacts.get(instance.registry, name, reference).labels]


def test_a_project_s_labels_and_those_of_all_are_kept_apart(instance: Instance) -> None:
    database = instance.database
    mine = labels.add(database, "team", "approved", description="looked at", color="#14683A")
    everywhere = labels.add(database, "", "approved")
    labels.add(database, "other", "approved")
    assert (mine.project, mine.color, mine.description) == ("team", "#14683a", "looked at")
    assert [each.number for each in labels.listing(database, "team")] == [mine.number]
    assert [each.number for each in labels.listing(database)] == [everywhere.number]
    assert {each.number for each in labels.listing(database, "team", usable=True)} == {mine.number, everywhere.number}
    assert labels.named(database, "team", "approved", usable=True) == mine, "the project's own comes first"
    assert labels.named(database, "", "approved") == everywhere
    for project in ("team", ""):
        with pytest.raises(LabelTakenError):
            labels.add(database, project, "approved")
    other = labels.add(database, "team", "lts")
    with pytest.raises(LabelTakenError):
        labels.change(database, other.number, name="approved")
    assert labels.change(database, other.number, name="long-term", color="#000000").name == "long-term"
    labels.remove(database, everywhere.number)
    with pytest.raises(LabelUnknownError):
        labels.get(database, everywhere.number)
    with pytest.raises(ProjectUnknownError):
        labels.listing(database, "nowhere")


@pytest.mark.parametrize("name", ["", " a", "a ", "a,b", "a*", "a\n", "ä", "x" * 65])
def test_names_that_rules_could_not_speak_of_are_refused(instance: Instance, name: str) -> None:
    with pytest.raises(LabelInvalidError):
        labels.add(instance.database, "team", name)


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#12345g", "#123456\n"])
def test_a_colour_has_six_digits(instance: Instance, color: str) -> None:
    with pytest.raises(LabelInvalidError):
        labels.add(instance.database, "team", "a", color=color)


def test_labels_are_put_on_an_artifact_and_taken_off_for_all_its_tags(instance: Instance) -> None:
    database = instance.database
    digest = str(instance.registry.manifest("team/web", "1").digest)
    mine, everywhere = labels.add(database, "team", "b"), labels.add(database, "", "a")
    for _ in range(2):
        labelled.put(database, "team/web", "1", mine.number)
    assert [each.name for each in labelled.put(database, "team/web", digest, everywhere.number)] == ["a", "b"]
    instance.registry.put_manifest(
        "team/web", "again", instance.registry.manifest("team/web", "1").raw, _type(instance)
    )
    assert on(instance, "team/web", "again") == ["a", "b"]
    assert on(instance, "other/web") == [], "the same image elsewhere is another artifact"
    assert labels.get(database, mine.number).artifacts == 1
    found = artifacts.listing(instance.registry, "team/web", label=mine.number)
    assert [each.digest for each in found] == [digest]
    labelled.take(database, "team/web", "again", mine.number)
    assert on(instance, "team/web") == ["a"]
    assert artifacts.listing(instance.registry, "team/web", label=mine.number) == []
    with pytest.raises(LabelUnknownError):
        labelled.take(database, "team/web", "1", mine.number)


def test_another_project_s_label_and_what_is_not_there_are_refused(instance: Instance) -> None:
    database = instance.database
    theirs, mine = labels.add(database, "other", "a"), labels.add(database, "team", "a")
    with pytest.raises(LabelUnknownError):
        labelled.put(database, "team/web", "1", theirs.number)
    for name, reference in (("team/web", "2"), ("team/web", "sha256:" + "0" * 64), ("team/none", "1")):
        with pytest.raises(WireError):
            labelled.put(database, name, reference, mine.number)


def test_a_label_goes_with_its_artifact_its_repository_and_itself(instance: Instance) -> None:
    database, registry = instance.database, instance.registry
    mine = labels.add(database, "team", "a")
    for tag in ("1", "2"):
        image(registry, "team/web", tag, [tag.encode()])
        labelled.put(database, "team/web", tag, mine.number)
    registry.delete_manifest("team/web", str(registry.manifest("team/web", "2").digest))
    assert labels.get(database, mine.number).artifacts == 1
    removing.repository(registry.holdings, "team/web")
    assert labels.get(database, mine.number).artifacts == 0
    image(registry, "team/web", "1", [b"1"])
    assert on(instance, "team/web") == []
    labelled.put(database, "team/web", "1", mine.number)
    labels.remove(database, mine.number)
    assert on(instance, "team/web") == []
    labels.add(database, "team", "b")
    removing.project(registry.holdings, "team", force=True)
    with pytest.raises(ProjectUnknownError):
        labels.listing(database, "team")


def test_an_artifact_and_a_project_have_so_many_labels_and_no_more(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_MOST", 3)
    monkeypatch.setattr(labelled, "_MOST", 2)
    made = [labels.add(instance.database, "team", f"l{number}") for number in range(3)]
    with pytest.raises(LabelInvalidError):
        labels.add(instance.database, "team", "l3")
    for each in made[:2]:
        labelled.put(instance.database, "team/web", "1", each.number)
    with pytest.raises(LabelInvalidError):
        labelled.put(instance.database, "team/web", "1", made[2].number)


def test_retention_keeps_by_label_and_what_was_labelled_since_the_plan(instance: Instance) -> None:
    database, registry, holdings = instance.database, instance.registry, instance.registry.holdings
    kept = labels.add(database, "team", "keep-1")
    children = [image(registry, "team/web", "", [b"child"])]
    index(registry, "team/web", "multi", children)
    for tag in ("2", "3"):
        image(registry, "team/web", tag, [tag.encode()])
    labelled.put(database, "team/web", "multi", kept.number)
    labelled.put(database, "team/web", "3", kept.number)
    rule = retention_rules.add(database, "team", "always", labels="keep-*")
    assert rule.labels == "keep-*"
    plan = retention.plan(holdings, "team")
    assert sorted(tag for _, held in plan.removed() for tag in held.tags) == ["1", "2"]
    labelled.put(database, "team/web", "2", kept.number)
    (part,) = plan.parts
    two = next(held for held in part.held.values() if held.tags == ("2",))
    assert not database.write(lambda connection: retention._remove_one(holdings, connection, part, two))
    assert retention.run(holdings, "team").removed == 1
    assert list(registry.tags("team/web", last="", count=9).items) == ["2", "3", "multi"]
    with pytest.raises(WireError):
        registry.manifest("team/web", "1")
    assert registry.manifest("team/web", str(children[0]))


def _type(instance: Instance) -> str:
    return instance.registry.manifest("team/web", "1").media_type
