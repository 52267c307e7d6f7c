"""A robot's page: what it may do is changed there, for the secret and the tokens that it has already."""

import json
from typing import Any

import pytest

from dockyard.server.access import robots
from dockyard.server.access.naming import MOST_RIGHTS
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.access.robots import Robot
from dockyard.server.audit.read import Wanted, every
from making.calls import basic

from .conftest import Town

pytestmark = pytest.mark.slow

PATH = "/robots/robot+team+ci"
FORM: dict[str, Any] = {
    "repositories-0": "team/web",
    "actions-0": ["pull", "push"],
    "repositories-1": "team/api-*",
    "actions-1": "pull",
}


def made(town: Town, **more: Any) -> str:
    permissions = [Permission(("team/web",), frozenset({"pull"}))]
    return robots.add(town.instance.database, SYSTEM, "team", "ci", permissions, **more)[1]


def now(town: Town) -> Robot:
    return robots.get(town.instance.database, SYSTEM, "robot+team+ci")


def test_scopes_actions_expiry_and_purpose_are_changed_and_hold_at_once(town: Town) -> None:
    auth = basic("robot+team+ci", made(town))
    browser = town.browser("project-admin")

    def granted(scope: str) -> bool:
        answer = browser.call("GET", f"/token?service=dockyard&scope={scope}", auth=auth)
        token = str(answer.document["token"])
        return browser.call("POST", "/v2/team/web/blobs/uploads/", auth=f"Bearer {token}").status == 202

    assert not granted("repository:team/web:pull,push")
    assert 'value="team/web"' in browser.get(PATH).body.decode()
    answer = browser.send(PATH, "change", **FORM, expires="2099-12-31", description="the pipeline")
    assert (answer.status, answer.headers["location"]) == (303, PATH)
    assert granted("repository:team/web:pull,push")
    assert now(town).permissions == (
        Permission(("team/web",), frozenset({"pull", "push"})),
        Permission(("team/api-*",), frozenset({"pull"})),
    )
    assert now(town).description == "the pipeline"
    assert 'value="2099-12-31"' in browser.get(PATH).body.decode()
    assert browser.page.wrong == []
    told = next(each for each in every(town.instance.database, Wanted(kind="robot.update")))
    assert json.loads(json.dumps(told.detail))["permissions"][1] == {
        "repositories": ["team/api-*"],
        "actions": ["pull"],
    }


def test_the_hour_of_an_expiry_stays_where_the_day_does_and_none_is_never(town: Town) -> None:
    made(town, expires_at=4_000_000_000_123)
    browser = town.browser("project-admin")
    assert browser.send(PATH, "change", **FORM, expires="2096-10-02").status == 303
    assert now(town).expires_at == 4_000_000_000_123
    assert browser.send(PATH, "change", **FORM, expires="").status == 303
    assert now(town).expires_at is None


def test_a_right_without_actions_goes_and_the_last_one_stays(town: Town) -> None:
    made(town)
    browser = town.browser("project-admin")
    words: dict[str, Any] = {"repositories-0": "team/web", "repositories-1": "team/api", "actions-1": "delete"}
    assert browser.send(PATH, "change", **words).status == 303
    assert now(town).permissions == (Permission(("team/api",), frozenset({"delete"})),)
    assert browser.send(PATH, "change", **{**words, "actions-1": ""}).status == 400
    assert "at least one action" in browser.text
    assert now(town).permissions == (Permission(("team/api",), frozenset({"delete"})),)


def test_what_was_typed_into_the_form_stays_when_it_is_refused(town: Town) -> None:
    made(town)
    browser = town.browser("project-admin")
    assert browser.send(PATH, "change", **{**FORM, "repositories-1": "team/Api"}).status == 400
    assert "write it in lower case" in browser.text.lower()
    assert 'value="team/Api" autocapitalize="none" spellcheck="false" aria-invalid="true"' in browser.text
    assert browser.text.count(" checked>") == 3
    assert len(now(town).permissions) == 1


def test_a_guest_reads_what_a_robot_may_and_changes_nothing(town: Town) -> None:
    made(town)
    page = town.browser("guest").get(PATH).body.decode()
    assert "team/web" in page
    assert 'value="change"' not in page
    assert town.browser("root").get("/robots/robot+team+none").status == 404
    assert town.browser("guest").get("/robots/robot+team+none").status == 403


def test_a_robot_with_as_many_rights_as_it_may_have_is_changed_on_its_page(town: Town) -> None:
    made(town)
    browser = town.browser("project-admin")

    def words(count: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at in range(count):
            found |= {f"repositories-{at}": f"team/service-{at}", f"actions-{at}": ["pull", "push", "delete"]}
        return found

    further = {f"repositories-{MOST_RIGHTS}": ""}
    assert browser.send(PATH, "change", **words(MOST_RIGHTS), **further, description="all").status == 303
    assert len(now(town).permissions) == MOST_RIGHTS
    browser.get(PATH)
    assert browser.page.wrong == []
    assert f'value="team/service-{MOST_RIGHTS - 1}"' in browser.text
    assert f'name="repositories-{MOST_RIGHTS}" value=""' in browser.text
    assert browser.send(PATH, "change", **words(MOST_RIGHTS + 1)).status == 400
    assert f"{MOST_RIGHTS + 1} permissions" in browser.text
    assert f"At most {MOST_RIGHTS} can be given" in browser.text
    assert f'value="team/service-{MOST_RIGHTS}"' in browser.text, "what was typed is still there"
    assert len(now(town).permissions) == MOST_RIGHTS
    assert browser.send(PATH, "change", **words(MOST_RIGHTS + 200)).status == 400
    assert "the form has more than" in browser.text
