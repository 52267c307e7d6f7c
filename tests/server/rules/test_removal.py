"""Removing chosen tags and images: what goes with them, what holds them, and how many bytes that frees."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.oci.digest import Digest
from dockyard.registry.interface import WireError
from dockyard.server.audit.read import Wanted, every
from dockyard.server.instance import Instance
from dockyard.server.rules import removal, tag_rules
from dockyard.server.rules.removal import RemovalInvalidError, Stays
from dockyard.server.stored import deleting
from dockyard.server.stored.verify import verify
from making.pushed import image, index, opened

pytestmark = pytest.mark.slow

NAME = "team/web"


@pytest.fixture
def instance(tmp_path: Path, address: str) -> Iterator[Instance]:
    with opened(tmp_path, grace=0, database=address) as made:
        yield made


def companion(digest: Digest, ending: str = ".sig") -> str:
    return str(digest).replace(":", "-") + ending


def tags(instance: Instance) -> list[str]:
    return list(instance.registry.tags(NAME, last="", count=100).items)


def gone(instance: Instance, digest: Digest) -> bool:
    try:
        instance.registry.manifest(NAME, str(digest))
    except WireError:
        return True
    return False


def test_an_image_goes_with_its_last_tag_and_frees_what_nothing_else_needs(instance: Instance) -> None:
    shared, own = b"s" * 1000, b"o" * 300
    one = image(instance.registry, NAME, "1", [shared, own], note="one")
    image(instance.registry, NAME, "2", [shared], note="two")
    found = removal.plan(instance.registry.holdings, NAME, ["1"])
    assert found.bytes == len(own) + len(b"{}one")
    assert found.images == {str(one): ["1"]}
    assert tags(instance) == ["1", "2"], "a plan changes nothing"
    assert removal.remove(instance.registry.holdings, NAME, ["1"]) == found
    assert tags(instance) == ["2"]
    assert deleting.collect(instance.registry.holdings).bytes == found.bytes
    assert verify(instance.registry.holdings, deep=True).whole


def test_an_image_with_another_tag_stays_and_only_the_tag_goes(instance: Instance) -> None:
    one = image(instance.registry, NAME, "1")
    image(instance.registry, NAME, "stable")
    found = removal.remove(instance.registry.holdings, NAME, ["1"])
    assert (found.images, found.bytes) == ({}, 0)
    assert found.stays == [Stays("1", "its image stays: it is stable, too")]
    assert tags(instance) == ["stable"]
    assert not gone(instance, one)
    assert removal.remove(instance.registry.holdings, NAME, ["stable"]).images == {str(one): ["stable"]}


def test_without_images_only_tags_go(instance: Instance) -> None:
    one = image(instance.registry, NAME, "1")
    found = removal.remove(instance.registry.holdings, NAME, ["1"], images=False)
    assert (found.tags, found.images) == ({"1": str(one)}, {})
    assert tags(instance) == []
    assert not gone(instance, one)
    with pytest.raises(RemovalInvalidError, match="no tag"):
        removal.plan(instance.registry.holdings, NAME, [str(one)], images=False)


def test_an_index_takes_along_what_it_alone_names_and_what_refers_to_that(instance: Instance) -> None:
    registry = instance.registry
    alone, both = image(registry, NAME, note="alone"), image(registry, NAME, note="both")
    named = image(registry, NAME, "amd64", note="named")
    index(registry, NAME, "2", [both])
    first = index(registry, NAME, "1", [alone, both, named])
    sbom = image(registry, NAME, note="sbom", subject=alone)
    signed = image(registry, NAME, note="of the sbom", subject=sbom)
    own = image(registry, NAME, "kept-sbom", note="with a tag of its own", subject=first)
    signature = image(registry, NAME, companion(first), note="signature")
    found = removal.remove(registry.holdings, NAME, ["1"])
    assert set(found.images) == {str(each) for each in (first, alone, sbom, signed, signature)}
    assert found.chosen == {str(first)}
    assert tags(instance) == ["2", "amd64", "kept-sbom"]
    assert not any(gone(instance, each) for each in (both, named, own))
    assert verify(registry.holdings).whole


def test_lists_of_referrers_under_a_tag_go_with_what_they_list(instance: Instance) -> None:
    registry = instance.registry
    one = image(registry, NAME, "1")
    sbom = image(registry, NAME, note="sbom", subject=one)
    listed = index(registry, NAME, companion(one, ""), [sbom])
    assert set(removal.remove(registry.holdings, NAME, ["1"]).images) == {str(one), str(sbom), str(listed)}
    assert tags(instance) == []


def test_what_an_index_names_stays_until_the_index_goes_too(instance: Instance) -> None:
    registry = instance.registry
    child = image(registry, NAME, "amd64")
    parent = index(registry, NAME, "1", [child])
    found = removal.plan(registry.holdings, NAME, ["amd64", str(child)])
    assert found.images == {}
    assert {each.name for each in found.stays} == {"amd64"}
    assert f"the index {str(parent)[:19]} names it" in found.stays[0].reason
    both = removal.remove(registry.holdings, NAME, ["amd64", "1"])
    assert set(both.images) == {str(parent), str(child)}
    assert both.stays == []


def test_what_a_rule_holds_stays_and_the_rest_goes(instance: Instance) -> None:
    image(instance.registry, NAME, "v1", note="one")
    two = image(instance.registry, NAME, "2", note="two")
    tag_rules.add(instance.database, "team", "immutable", "v*")
    found = removal.remove(instance.registry.holdings, NAME, ["v1", "2", "3"])
    assert set(found.images) == {str(two)}
    assert [each.name for each in found.stays] == ["v1", "3"]
    assert "immutable" in found.stays[0].reason
    assert found.stays[1].reason == "it is not there"
    assert tags(instance) == ["v1"]


def test_a_digest_with_an_immutable_tag_stays(instance: Instance) -> None:
    one = image(instance.registry, NAME, "v1")
    tag_rules.add(instance.database, "team", "immutable", "v*")
    assert removal.remove(instance.registry.holdings, NAME, [str(one)]).images == {}
    assert not gone(instance, one)


def test_a_tag_that_was_moved_since_it_was_chosen_stays(instance: Instance) -> None:
    old = image(instance.registry, NAME, "1", note="old")
    new = image(instance.registry, NAME, "1", note="new")
    found = removal.remove(instance.registry.holdings, NAME, [f"1@{old}"])
    assert found.stays == [Stays("1", "it leads to another image by now")]
    assert removal.remove(instance.registry.holdings, NAME, [f"1@{new}"]).images == {str(new): ["1"]}
    assert set(removal.remove(instance.registry.holdings, NAME, [str(old)]).images) == {str(old)}


def test_every_tag_and_image_that_goes_is_an_event(instance: Instance) -> None:
    one, two = image(instance.registry, NAME, "1", note="one"), image(instance.registry, NAME, "2", note="two")
    image(instance.registry, NAME, "stable", note="two")
    removal.remove(instance.registry.holdings, NAME, ["1", "2"])
    told = sorted((each.kind, each.reference, each.digest) for each in every(instance.database, Wanted(kind="*delete")))
    assert told == [("delete", "", str(one)), ("tag.delete", "2", "")]
    assert not gone(instance, two)


@pytest.mark.parametrize("references", [[], ["a b"], ["1"] * 101, ["-1"], ["x@y@z"]])
def test_what_can_be_no_tag_is_refused(instance: Instance, references: list[str]) -> None:
    image(instance.registry, NAME, "1")
    with pytest.raises((RemovalInvalidError, WireError)):
        removal.remove(instance.registry.holdings, NAME, references)
    assert tags(instance) == ["1"]


def test_there_must_be_such_a_repository(instance: Instance) -> None:
    with pytest.raises(WireError):
        removal.plan(instance.registry.holdings, "team/none", ["1"])
