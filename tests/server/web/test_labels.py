"""Labels on the pages: made, put on an image, shown, looked for, taken off."""

import pytest

from dockyard.server.rules import labels

from .conftest import Town

pytestmark = pytest.mark.slow

IMAGE = "/image/team/web:1.0"


def number(town: Town, name: str, project: str = "team") -> str:
    return str(labels.named(town.instance.database, project, name).number)


def test_a_maintainer_makes_a_label_and_a_developer_puts_it_on_an_image(town: Town) -> None:
    maintainer, developer, guest = (town.browser(who) for who in ("maintainer", "developer", "guest"))
    words = {"name": "for customer X", "description": "shipped", "color": "#a05000"}
    assert maintainer.send("/projects/team/labels", "add", **words).status == 303
    maintainer.get("/projects/team/labels")
    assert (maintainer.page.wrong, maintainer.page.open) == ([], [])
    assert 'fill="#a05000"' in maintainer.text
    assert "everywhere" in maintainer.text
    mine, everywhere = number(town, "for customer X"), number(town, "everywhere", "")
    developer.get(IMAGE)
    assert f'<option value="{mine}">for customer X</option>' in developer.text
    for each in (mine, everywhere):
        assert developer.send(IMAGE, "label", label=each).status == 303
    developer.get(IMAGE)
    assert developer.page.wrong == []
    assert "Take label for customer X off" in developer.text
    assert f'<option value="{mine}">' not in developer.text
    guest.get(IMAGE)
    assert "for customer X" in guest.text
    assert "Take label" not in guest.text
    town.push("team/web", "2.0", {"bin/x": b"2"})
    guest.get("/repository/team/web")
    assert guest.text.count('fill="#a05000"') == 1
    guest.get(f"/repository/team/web?label={mine}")
    assert ("/image/team/web:1.0" in guest.text, "/image/team/web:2.0" in guest.text) == (True, False)
    guest.get(f"/repository/team/web?label={mine}&q=2")
    assert "leads to an image with that label" in guest.text
    assert developer.send(IMAGE, "unlabel", label=mine).status == 303
    assert "for customer X" not in guest.get(IMAGE).body.decode()


def test_a_label_that_is_not_the_page_s_is_not_changed_there(town: Town) -> None:
    browser = town.browser("project-admin")
    everywhere = number(town, "everywhere", "")
    for do in ("change", "remove"):
        assert browser.send("/projects/team/labels", do, number=everywhere, name="mine").status == 400
    assert number(town, "everywhere", "") == everywhere
    assert browser.send("/projects/team/labels", "add", name="a,b").status == 400
    assert "not a label’s name" in browser.text or "not a label&#39;s name" in browser.text
    assert browser.send(IMAGE, "label", label="999").status == 400
    assert browser.send(IMAGE, "label", label="x").status == 400


def test_retention_by_label_is_shown_and_made_on_its_page(town: Town) -> None:
    browser = town.browser("developer")
    words = {"keep": "always", "labels": "appr*"}
    assert browser.send("/projects/team/retention", "add", **words).status == 303
    browser.get("/projects/team/retention?dry=1")
    assert "<code>appr*</code>" in browser.text
    assert browser.page.wrong == []
