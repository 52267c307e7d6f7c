"""A repository's page and its images': tags that are given, and images that have none."""

import re

import pytest

from dockyard.server.access import members, projects
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.rules import tag_rules
from making.pushed import image, index

from .conftest import Town

pytestmark = pytest.mark.slow

IMAGE = "/image/team/web:1.0"


def test_an_image_gets_further_tags_and_none_is_taken_from_another(town: Town) -> None:
    browser = town.browser("developer")
    town.push("team/web", "2.0", {"bin/x": b"2"})
    assert browser.send(IMAGE, "tag", tag="stable").status == 303
    digest = str(town.instance.registry.manifest("team/web", "1.0").digest)
    assert str(town.instance.registry.manifest("team/web", "stable").digest) == digest
    for tag, said in (
        ("2.0", "2.0 leads to another image here"),
        ("stable", "it is stable already"),
        ("a b", "not a tag"),
    ):
        assert browser.send(IMAGE, "tag", tag=tag).status == 400
        assert said in browser.text
    assert str(town.instance.registry.manifest("team/web", "2.0").digest) != digest
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
    registry = town.instance.registry
    one, two = image(registry, "team/many", note="one"), image(registry, "team/many", note="two")
    index(registry, "team/many", "1", [one, two])
    image(registry, "team/many", note="signature", subject=one)
    browser = town.browser("root")
    assert "Every image has a tag" in browser.get("/repository/team/many?show=untagged").body.decode()


def test_chosen_tags_are_shown_with_what_goes_and_removed_after_one_confirmation(town: Town) -> None:
    registry, database, path = town.instance.registry, town.instance.database, "/repository/team/many"
    one = image(registry, "team/many", "1", [b"x" * 5000], note="one")
    index(registry, "team/many", "2", [image(registry, "team/many", note="part")])
    image(registry, "team/many", "v1", note="held")
    tag_rules.add(database, "team", "immutable", "v*")
    browser = town.browser("maintainer")
    page = browser.get(path).body.decode()
    chosen = sorted(re.findall(r'name="chosen" form="choosing" value="([^"]+)"', page))
    assert chosen[0] == f"1@{one}"
    assert [each.partition("@")[0] for each in chosen] == ["1", "2", "v1"]
    assert browser.send(path, "choose").status == 400
    assert "nothing is chosen" in browser.text
    assert browser.send(path, "choose", chosen=chosen, what="images").status == 200
    assert "This removes 2 tags and 2 images, with 1 part or referrer." in browser.text
    assert "releases 5.0 kB" in browser.text
    assert "tag v1 is immutable by rule" in browser.text
    assert browser.page.wrong == []
    assert list(registry.tags("team/many", last="", count=9).items) == ["1", "2", "v1"]
    hidden = re.findall(r'type="hidden" name="chosen" value="([^"]+)"', browser.text)
    assert browser.send(path, "remove-chosen", chosen=hidden, what="images").status == 303
    browser.get(path)
    assert "Removed: 2 tags and 2 images, with 1 part or referrer." in browser.text
    assert list(registry.tags("team/many", last="", count=9).items) == ["v1"]


def test_only_tags_go_where_that_is_asked_and_their_images_are_chosen_afterwards(town: Town) -> None:
    registry, path = town.instance.registry, "/repository/team/many"
    one = str(image(registry, "team/many", "1", [b"x" * 5000], note="one"))
    browser = town.browser("maintainer")
    assert browser.send(path, "choose", chosen=f"1@{one}", what="tags").status == 200
    assert "The images stay, so that nothing is released." in browser.text
    assert 'value="tags"' in browser.text
    assert browser.send(path, "remove-chosen", chosen=f"1@{one}", what="tags").status == 303
    assert str(registry.manifest("team/many", one).digest) == one
    untagged = path + "?show=untagged"
    assert f'value="{one}"' in browser.get(untagged).body.decode()
    assert browser.send(untagged, "choose", chosen=one).status == 200
    assert browser.send(untagged, "remove-chosen", chosen=one).headers["location"] == untagged
    assert "Every image has a tag" in browser.get(untagged).body.decode()
    assert browser.send(untagged, "remove-chosen", chosen=one).status == 303
    assert "Nothing was removed" in browser.get(path).body.decode()


def test_who_may_not_delete_has_no_boxes(town: Town) -> None:
    assert 'name="chosen"' not in town.browser("developer").get("/repository/team/web").body.decode()
    assert 'name="chosen"' in town.browser("maintainer").get("/repository/team/web").body.decode()


def test_an_image_is_copied_to_projects_to_which_the_caller_may_push(town: Town) -> None:
    database = town.instance.database
    for name in ("prod", "other"):
        projects.add(database, SYSTEM, name)
    members.put(database, SYSTEM, "prod", "developer", "developer")
    members.put(database, SYSTEM, "other", "developer", "guest")
    browser = town.browser("developer")
    page = browser.get(IMAGE).body.decode()
    assert '<option value="prod/web">' in page
    assert "other/web" not in page
    assert 'value="copy"' not in town.browser("guest").get(IMAGE).body.decode()
    assert browser.send(IMAGE, "copy", to="other/web", **{"as": "1.0"}).status == 403
    assert browser.send(IMAGE, "copy", to="prod/web", **{"as": "blue"}).headers["location"] == "/image/prod/web:blue"
    assert "This is the copy of team/web." in browser.get("/image/prod/web:blue").body.decode()
    town.push("team/web", "2.0", {"bin/x": b"2"})
    other = "/image/team/web:2.0"
    assert browser.send(other, "copy", to="prod/web", **{"as": "blue"}).status == 400
    assert "prod/web:blue leads to another image" in browser.text
    assert browser.send(other, "copy", to="prod/web", override="yes", **{"as": "blue"}).status == 303
    digest = str(town.instance.registry.manifest("team/web", "2.0").digest)
    assert str(town.instance.registry.manifest("prod/web", "blue").digest) == digest
