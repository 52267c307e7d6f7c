"""What people manage on pages: webhooks, replication, policies; and what forms say when something is wrong."""

import json
import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from dockyard.server.access import users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.audit.read import Wanted, every
from dockyard.server.events import record
from dockyard.server.schema.events import EVENT
from dockyard.server.settings import Access
from dockyard.server.web import project
from making.calls import Caller

from .conftest import PASSWORD, Browser, Town

pytestmark = pytest.mark.slow

# A page, the form, its fields, and which of them is wrong.
FAULTS: list[tuple[str, str, dict[str, str], str]] = [
    ("/projects", "make", {"name": "Not A Name"}, "name"),
    ("/image/team/web:1.0", "copy", {"to": "team/Web", "as": "1.0"}, "to"),
    ("/image/team/web:1.0", "copy", {"to": "team/other", "as": "-x"}, "as"),
    ("/projects/team/members", "put", {"name": "guest", "role": "guest", "repositories": "team/Web"}, "repositories"),
    ("/projects/team/robots", "add", {"name": "ci", "actions": "pull", "repositories": "team/Web-*"}, "repositories"),
    ("/robots/robot+team+old", "change", {"repositories-0": "team/Web", "actions-0": "pull"}, "repositories-0"),
    ("/robots/robot+team+old", "change", {"repositories-0": "", "actions-0": "pull", "expires": "soon"}, "expires"),
    ("/jobs", "schedule", {"schedule": "often"}, "schedule"),
    ("/exemptions", "exempt", {"subject": "CVE-1", "reason": "r", "until": "2020-01-01"}, "until"),
    ("/quotas", "set", {"project": "team", "most": "much"}, "most"),
    ("/projects/team/settings", "quota", {"most": "-1"}, "most"),
    ("/projects/team/webhooks", "add", {"url": "ftp://x", "format": "docker", "kinds": "push"}, "url"),
    ("/webhooks", "add", {"url": "http://x", "format": "docker", "repositories": "{a"}, "repositories"),
    ("/webhooks/1", "change", {"url": "nothing", "format": "docker"}, "url"),
    ("/projects/team/keyless", "add", {"name": "ci", "claims": "odd"}, "claims"),
    ("/replication", "add", {"name": "r", "registry": "x.test", "schedule": "often"}, "schedule"),
    ("/replication", "add", {"name": "r", "registry": ""}, "registry"),
    ("/replication", "add", {"name": "r", "registry": "https://x.test"}, "registry"),
    ("/endpoints", "add", {"name": "e", "registry": "https://x.test/"}, "registry"),
    ("/endpoints", "add", {"name": "backup", "registry": "x.test"}, "name"),
    ("/projects/team/members", "put", {"name": "none", "role": "guest"}, "name"),
    ("/projects/team/tag-rules", "add", {"kind": "refused", "tags": "[a"}, "tags"),
    ("/projects/team/policy", "exempt", {"subject": "CVE-1", "reason": "r", "until": "soon"}, "until"),
    ("/projects/team/policy", "try", {"image": "other/x:1", "severity": "low"}, "image"),
    ("/projects/team/retention", "add", {"keep": "latest-pushed", "amount": "many"}, "amount"),
    ("/audit", "prove", {"expected": "xyz"}, "expected"),
    ("/audit", "schedule", {"hours": "24", "schedule": "often"}, "schedule"),
    ("/audit", "prune", {"hours": "0"}, "hours"),
    ("/audit", "rehearse", {"hours": "24", "keep": "Push"}, "keep"),
]  # fmt: skip


def test_what_is_wrong_with_a_field_is_said_beside_it_and_nothing_is_lost(town: Town) -> None:
    browser = town.browser("root")
    for path, do, words, name in FAULTS:
        typed = words[name]
        assert browser.send(path, do, **words).status in (400, 404), (path, browser.text)
        (bad,) = [each for tag, each in browser.page.tags if each.get("aria-invalid") == "true"]
        assert (bad["name"], bad["aria-describedby"]) == (name, "fault"), path
        assert len([each for tag, each in browser.page.tags if each.get("id") == "fault"]) == 1
        assert bad.get("value") == typed or f'>{typed}</textarea><span class="fault"' in browser.text, path
        for other, value in words.items():
            assert value in browser.text, (path, other)
        assert browser.page.wrong == []


def test_a_fault_is_shown_in_the_row_that_was_sent(town: Town) -> None:
    browser = town.browser("root")
    assert browser.send("/users", "password", name="guest", password="short").status == 400
    before = browser.text.partition('id="fault"')[0]
    assert before.rpartition('name="name" value="')[2].startswith("guest")
    assert "<details open>" in before


def test_a_session_and_an_address_are_counted_like_everybody_else(opened: Callable[..., Town]) -> None:
    town = opened(access=Access(rate=0.001, burst=4))
    users.add(town.instance.database, SYSTEM, "root", password=PASSWORD, admin=True)
    browser = Browser(Caller(town.instance.app, "192.0.2.1"))
    browser.login("root")
    assert [browser.get("/projects").status for _ in range(5)] == [200] * 4 + [429]
    assert int(browser.answer.headers["retry-after"]) > 0
    assert browser.get("/api/v1/me").status == 429
    stranger = Browser(Caller(town.instance.app, "192.0.2.2"))
    assert [stranger.get("/login").status for _ in range(5)] == [200] * 4 + [429]


def test_the_audit_page_leads_to_exports_and_proves_the_chain(town: Town) -> None:
    browser = town.browser("root")
    town.instance.database.write(lambda connection: record(connection, "push.refused", project="team", reference="v9"))
    assert "push.refused" in browser.get("/audit?kind=.refused").body.decode()
    assert "webhook.create" not in browser.text
    browser.get("/audit?kind=webhook.&actor=system")
    link = re.search(r'href="(/api/v1/events/export.jsonl[^"]*)"', browser.text)
    assert link is not None
    answer = browser.get(link[1].replace("&amp;", "&"))
    assert answer.headers["content-disposition"] == 'attachment; filename="events.jsonl"'
    kinds = {json.loads(line)["kind"] for line in browser.text.splitlines()}
    assert kinds == {"webhook.create", "webhook.test"}
    browser.send("/audit", "prove")
    assert "Whole." in browser.text
    browser.send("/audit", "prove", expected="0" * 63 + "1")
    assert "tampered" in browser.text


def test_old_events_are_counted_and_go_by_schedule_from_the_audit_page(town: Town) -> None:
    browser = town.browser("root")
    assert "They stay until somebody removes them." in browser.get("/audit").body.decode()
    browser.send("/audit", "rehearse", hours="1", keep="push")
    assert "0 events would go." in browser.text
    with town.instance.database.read() as connection:
        number = connection.execute(select(func.count()).select_from(EVENT).where(EVENT.c.kind != "push")).scalar_one()
    town.instance.database.write(lambda connection: connection.execute(update(EVENT).values(at=1000)).rowcount)
    browser.send("/audit", "rehearse", hours="1", keep="push")
    assert f"{number} events would go." in browser.text
    assert "<code>project.create</code>" in browser.text.partition("would go.")[2].partition("</div>")[0]
    browser.send("/audit", "schedule", hours="48", keep="push *.delete", schedule="0 3 * * *")
    page = browser.get("/audit").body.decode()
    assert "Events older than 2 days go by the schedule <code>0 3 * * *</code>" in page
    assert "<code>*.delete</code> stay for ever" in page
    browser.send("/audit", "prune", hours="1")
    assert "removes old events" in browser.get("/audit").body.decode()
    assert browser.send("/audit", "prune", hours="1").status == 400
    browser.send("/audit", "schedule", hours="48", schedule="")
    assert "They stay until somebody removes them." in browser.get("/audit").body.decode()


def test_a_policy_is_tried_on_an_image_and_not_kept(town: Town) -> None:
    browser = town.browser("project-admin")
    browser.send("/projects/team/policy", "try", severity="high", grace="0", image="team/web:1.0")
    assert "team/web:1.0 would be denied" in browser.text
    assert "CVE-2099-0001" in browser.text
    assert "<option selected>high" in browser.text
    browser.get("/projects/team/policy")
    assert "No policy." in browser.text


def test_a_search_finds_what_the_caller_may_see(town: Town) -> None:
    browser = town.browser("stranger")
    browser.get("/search?q=o")
    assert "open/tool:1.0" not in browser.text
    assert "/repository/open/tool" in browser.text
    assert "team" not in browser.text.partition('id="list"')[2]
    browser.get("/search?q=tool:1")
    assert "/image/open/tool:1.0" in browser.text
    browser = town.browser("guest")
    browser.get("/search?q=CVE-2099-0001")
    assert "/image/team/web@sha256:" in browser.text
    browser.get("/search?q=" + str(town.pushed["team/web:1.0"].descriptor.digest)[:20])
    assert "/image/team/web@sha256:" in browser.text


def test_a_registry_that_does_not_answer_is_told_on_the_rule_s_page(town: Town) -> None:
    browser = town.browser("root")
    town.push("team/web", "1.0", {})
    browser.send("/replication/offsite", "change", registry="127.0.0.1:9", repositories="team/web", parallel="2")
    assert browser.send("/replication/offsite", "rehearse").status == 503
    assert 'role="alert"' in browser.text
    assert "cannot reach" in browser.text
    assert 'value="rehearse"' in browser.text


def test_a_rule_uses_an_endpoint_that_then_cannot_be_removed(town: Town) -> None:
    browser = town.browser("root")
    browser.send("/replication", "add", name="third", endpoint="backup", parallel="2", rate="0", unit="MB")
    assert 'href="/endpoints/backup"' in browser.get("/replication/third").body.decode()
    assert "127.0.0.1:9" in browser.text
    browser.send("/endpoints/backup", "change", registry="127.0.0.1:9", username="copier", password="p")
    browser.get("/endpoints/backup")
    assert 'value="copier"' in browser.text
    assert "does not answer as it should" in browser.text
    assert "cannot be reached" in browser.text or "refused" in browser.text
    assert 'value="remove"' not in browser.text
    assert 'href="/replication/third"' in browser.text
    browser.send("/replication/third", "change", registry="127.0.0.1:8", parallel="2", rate="0", unit="MB")
    assert 'value="copier"' not in browser.get("/replication/third").body.decode()
    browser.send("/endpoints/backup", "remove")
    assert "backup is removed" in browser.get("/endpoints").body.decode()


def test_a_rule_overrides_unless_its_box_is_empty(town: Town) -> None:
    browser = town.browser("root")
    box = 'name="override" value="yes"'
    assert f"{box} checked" in browser.get("/replication").body.decode()
    browser.send("/replication", "add", name="third", registry="x.test", parallel="2", rate="0", unit="MB")
    page = browser.get("/replication/third").body.decode()
    assert box in page
    assert f"{box} checked" not in page
    values = {"registry": "x.test", "parallel": "2", "rate": "0", "unit": "MB", "override": "yes"}
    browser.send("/replication/third", "change", **values)
    assert f"{box} checked" in browser.get("/replication/third").body.decode()


def test_a_rule_of_replication_says_what_it_would_copy_and_a_run_is_cancelled(town: Town) -> None:
    browser = town.browser("root")
    browser.send("/replication/offsite", "rehearse")
    assert "the rule fits no image" in browser.text
    assert "to do" in browser.get("/replication").body.decode() or "listing" in browser.text
    browser.send("/replication/runs/1", "cancel")
    browser.get("/replication/runs/1")
    assert "cancelled" in browser.text
    browser.send(
        "/replication/offsite", "change", registry="other.test", repositories="team/*", schedule="6h", parallel="3"
    )
    browser.get("/replication/offsite")
    assert "other.test" in browser.text
    assert "in 5 hours" in browser.text


def test_a_webhook_shows_its_secret_once_and_its_deliveries(town: Town) -> None:
    browser = town.browser("project-admin")
    browser.send("/projects/team/webhooks", "add", url="https://x.test/", format="docker", kinds="push, quota.*")
    assert "whsec_" in browser.text.partition("<pre data-copy>")[2]
    browser.get("/projects/team/webhooks")
    assert "<pre data-copy>" not in browser.text
    browser.get("/webhooks/1")
    assert "webhook.test" in browser.text
    assert "given up" in browser.text
    browser.send("/webhooks/1", "redeliver", delivery="1")
    browser.get("/webhooks/1?state=waiting")
    assert "webhook.test" in browser.text


def test_repositories_come_by_name_or_by_the_last_push_page_by_page(town: Town) -> None:
    for name in ("b", "a", "c"):
        town.push(f"team/{name}", "1", {"x": name.encode()})
    browser = town.browser("root")
    for order, wanted in (("name", ["a", "b", "c", "web"]), ("newest", ["c", "a", "b", "web"])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(project, "_COUNT", 2)
            browser.get(f"/projects/team?order={order}")
            found = re.findall(r'href="/repository/team/(\w+)"', browser.text)
            link = re.search(r'rel="next" href="([^"]+)"', browser.text)
            assert link is not None
            browser.get(link[1].replace("&amp;", "&"))
        assert found + re.findall(r'href="/repository/team/(\w+)"', browser.text) == wanted


def test_a_description_is_shown_as_it_is_written(town: Town) -> None:
    browser = town.browser("maintainer")
    browser.send("/repository/team/web", "describe", description="# What\n<b>it</b> is")
    browser.get("/repository/team/web")
    assert "# What\n&lt;b&gt;it&lt;/b&gt; is" in browser.text


def test_what_is_accepted_in_every_project_holds_in_each_and_is_withdrawn_where_it_was_made(town: Town) -> None:
    root, admin = town.browser("root"), town.browser("project-admin")
    assert admin.send("/projects/team/policy", "set", severity="critical", grace="0").status == 303
    assert "Denied by the project’s policy" in root.get("/image/team/web:1.0").body.decode()
    words = {"subject": "CVE-2099-0001", "reason": "not reached anywhere", "until": "2999-01-01"}
    assert root.send("/exemptions", "exempt", **words).status == 303
    assert "CVE-2099-0001 is accepted in every project." in root.get("/exemptions").body.decode()
    assert root.page.wrong == []
    assert "Allowed by the project’s policy" in root.get("/image/team/web:1.0").body.decode()
    page = admin.get("/projects/team/policy").body.decode()
    assert "in every project" in page
    assert "not reached anywhere" in page
    assert 'value="withdraw"' not in page
    assert admin.send("/projects/team/policy", "withdraw", number="1").status == 400
    assert root.send("/exemptions", "withdraw", number="1").status == 303
    assert "Denied by the project’s policy" in root.get("/image/team/web:1.0").body.decode()
    told = [(each.kind, each.project) for each in every(town.instance.database, Wanted(kind="exemption.*"))]
    assert told == [("exemption.create", ""), ("exemption.delete", "")]
