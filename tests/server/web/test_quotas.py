"""The page of all quotas, changed in their rows."""

import re

import pytest

from dockyard.server.access import projects
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.audit.read import Wanted, every
from dockyard.server.rules import quota
from dockyard.server.web import quotas as page
from making.pushed import image

from .conftest import Town

pytestmark = pytest.mark.slow


def rows(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/projects/([^"]+)"', text)


def test_a_quota_is_changed_in_its_row_and_in_the_project_s_settings(town: Town) -> None:
    browser, database = town.browser("root"), town.instance.database
    assert browser.send("/quotas", "set", project="team", most="1.5GB").status == 303
    assert quota.quota_of(database, "team").most == 1_500_000_000
    shown = browser.get("/quotas").body.decode()
    assert "team may hold 1.5 GB from now on." in shown
    assert 'value="1500MB"' in shown
    assert browser.page.wrong == []
    assert browser.send("/projects/team/settings", "quota", most="1500MB").status == 303
    assert quota.quota_of(database, "team").most == 1_500_000_000
    assert browser.send("/quotas", "set", project="team", most="1").status == 303
    assert "It holds more than that already" in browser.get("/quotas").body.decode()
    assert browser.send("/quotas", "set", project="team", most="").status == 303
    assert quota.quota_of(database, "team").most is None
    assert browser.send("/quotas", "set", project="none", most="1GB").status == 404
    told = [(each.project, each.detail["bytes"]) for each in every(database, Wanted(kind="quota.update"))]
    assert told == [("team", 1_500_000_000), ("team", 1_500_000_000), ("team", 1), ("team", None)]


def test_projects_come_by_name_page_by_page_or_the_fullest_first(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    database = town.instance.database
    for name in ("full", "half", "zero"):
        projects.add(database, SYSTEM, name)
    for name in ("full", "half"):
        image(town.instance.registry, f"{name}/web", "1", [b"x" * 1000])
    quota.set_quota(database, "full", 1010)
    quota.set_quota(database, "half", 2100)
    browser = town.browser("root")
    assert rows(browser.get("/quotas").body.decode()) == ["full", "half", "open", "team", "zero"]
    fullest = browser.get("/quotas?order=fullest").body.decode()
    assert rows(fullest)[:2] == ["full", "half"]
    assert "99 %, nearly full" in fullest
    assert rows(browser.get("/quotas?q=al").body.decode()) == ["half"]
    assert "No such project" in browser.get("/quotas?q=nothing").body.decode()
    monkeypatch.setattr(page, "_COUNT", 2)
    assert rows(browser.get("/quotas").body.decode()) == ["full", "half"]
    following = re.findall(r'rel="next" href="([^"]+)"', browser.text)
    assert rows(browser.get(following[0]).body.decode()) == ["open", "team"]
    assert "and 3 more" in browser.get("/quotas?order=fullest").body.decode()
