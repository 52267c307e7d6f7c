"""A repository's page and its images': tags that are given, and images that have none."""

import pytest

from making.pushed import image, index

from .conftest import Town

pytestmark = pytest.mark.slow

IMAGE = "/image/team/web:1.0"


def test_an_image_gets_further_tags_and_none_is_taken_from_another(town: Town) -> None:
    browser = town.browser("developer")
    town.push("team/web", "2.0", {"bin/x": b"2"})
    assert browser.send(IMAGE, "tag", tag="stable").status == 303
    digest = str(town.house.registry.manifest("team/web", "1.0").digest)
    assert str(town.house.registry.manifest("team/web", "stable").digest) == digest
    for tag, said in (
        ("2.0", "2.0 leads to another image here"),
        ("stable", "it is stable already"),
        ("a b", "not a tag"),
    ):
        assert browser.send(IMAGE, "tag", tag=tag).status == 400
        assert said in browser.text
    assert str(town.house.registry.manifest("team/web", "2.0").digest) != digest
    assert 'value="tag"' not in town.browser("guest").get(IMAGE).body.decode()


def test_images_without_a_tag_are_found_and_removed(town: Town) -> None:
    browser = town.browser("maintainer")
    path = "/repository/team/web?show=untagged"
    assert "Every image has a tag" in browser.get(path).body.decode()
    old = str(town.push("team/web", "moved", {"bin/x": b"old"}).descriptor.digest)
    town.push("team/web", "moved", {"bin/x": b"new"})
    page = browser.get(path).body.decode()
    assert f'href="/image/team/web@{old}"' in page
    assert page.count('value="delete-untagged"') == 1
    assert f"team/web@{old}" not in browser.get("/repository/team/web").body.decode()
    assert "Every image" not in browser.get(path + "&q=" + old[7:20]).body.decode()
    assert "No such image" in browser.get(path + "&q=nothing").body.decode()
    assert browser.page.wrong == []
    assert "delete-untagged" not in town.browser("guest").get(path).body.decode()
    assert browser.send("/repository/team/web", "delete-untagged", digest="1.0").status == 400
    assert browser.send("/repository/team/web", "delete-untagged", digest=old).status == 303
    assert "Every image has a tag" in browser.get(path).body.decode()
    assert browser.get(f"/image/team/web@{old}").status == 404


def test_what_belongs_to_an_index_or_refers_to_an_image_is_not_without_a_tag(town: Town) -> None:
    registry = town.house.registry
    one, two = image(registry, "team/many", note="one"), image(registry, "team/many", note="two")
    index(registry, "team/many", "1", [one, two])
    image(registry, "team/many", note="signature", subject=one)
    browser = town.browser("root")
    assert "Every image has a tag" in browser.get("/repository/team/many?show=untagged").body.decode()
