"""Every page for every role, and what pages never do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockyard.oci.digest import Digest
from dockyard.server.access import members, users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.roles import MATRIX, ROLES
from dockyard.server.jobs import history
from dockyard.server.web import form

from .conftest import PASSWORD, Browser, Town

pytestmark = pytest.mark.slow

IMAGE = "/image/team/web:1.0"
# A page, and what one must be allowed in the project to see it; a star is for system admins.
PAGES = {
    "/projects/team": ("project", "read"),
    "/projects/team/members": ("member", "list"),
    "/projects/team/robots": ("robot", "list"),
    "/projects/team/labels": ("label", "list"),
    "/labels": ("*", ""),
    "/repository/team/web?label=1": ("repository", "pull"),
    "/repository/team/web?show=untagged&label=1": ("repository", "pull"),
    "/projects/team/tag-rules": ("immutable", "list"),
    "/projects/team/retention": ("retention", "read"),
    "/projects/team/retention?dry=1": ("retention", "read"),
    "/projects/team/policy": ("metadata", "read"),
    "/projects/team/audit": ("log", "list"),
    "/projects/team/settings": ("project", "update"),
    "/repository/team/web": ("repository", "pull"),
    "/repository/team/web?order=name&q=1": ("repository", "pull"),
    IMAGE: ("repository", "pull"),
    IMAGE + "/packages": ("sbom", "read"),
    IMAGE + "/findings": ("scan", "read"),
    IMAGE + "/referrers": ("repository", "pull"),
    IMAGE + "/sbom/cyclonedx": ("sbom", "read"),
    IMAGE + "/sbom/spdx": ("sbom", "read"),
    "/projects/team?order=newest&q=w": ("project", "read"),
    "/projects/team/webhooks": ("webhook", "list"),
    "/projects/team/keyless": ("keyless", "list"),
    "/webhooks": ("*", ""),
    "/webhooks/1": ("webhook", "read"),
    "/webhooks/1?state=dead": ("webhook", "read"),
    "/keyless": ("*", ""),
    "/replication": ("*", ""),
    "/endpoints": ("*", ""),
    "/endpoints/backup": ("*", ""),
    "/replication/offsite": ("*", ""),
    "/replication/runs/1": ("*", ""),
    "/search?q=team": ("", ""),
    "/search?q=CVE-2023-25577": ("", ""),
    "/jobs": ("*", ""),
    "/storage": ("*", ""),
    "/exemptions": ("*", ""),
    "/quotas": ("*", ""),
    "/quotas?order=fullest&q=t": ("*", ""),
    "/users": ("*", ""),
    "/groups": ("*", ""),
    "/robots": ("*", ""),
    "/robots/robot+old": ("*", ""),
    "/robots/robot+team+old": ("robot", "read"),
    "/audit": ("*", ""),
    "/me": ("", ""),
    "/projects": ("", ""),
    "/repository/open/tool": ("", ""),
    "/image/open/tool:1.0": ("", ""),
    "/image/open/tool:1.0/packages": ("", ""),
}
CI = "name=ci&issuer=https://ci.test&audience=us&claims=sub=x&actions=pull&minutes=15"
# What only whoever may change something can do, and what it must be allowed for that.
FORMS = {
    # Before a policy denies it.
    (IMAGE, "copy", "to=team/copy&as=1.0"): ("repository", "push"),
    ("/projects", "make", "name=fresh"): ("*", ""),
    ("/projects/team/labels", "add", "name=fresh&color=#aabbcc"): ("label", "create"),
    ("/projects/team/labels", "change", "number=2&name=older"): ("label", "update"),
    ("/projects/team/labels", "remove", "number=2"): ("label", "delete"),
    ("/labels", "add", "name=fresh"): ("*", ""),
    ("/labels", "change", "number=4&name=older"): ("*", ""),
    ("/labels", "remove", "number=4"): ("*", ""),
    (IMAGE, "label", "label=1"): ("artifact-label", "create"),
    (IMAGE, "unlabel", "label=1"): ("artifact-label", "delete"),
    ("/users", "lift", "kind=address&subject=198.51.100.77"): ("*", ""),
    ("/projects/team/members", "put", "name=stranger&role=guest"): ("member", "create"),
    ("/projects/team/members", "remove", "name=guest&kind=user"): ("member", "delete"),
    ("/projects/team/robots", "add", "name=ci&actions=pull"): ("robot", "create"),
    ("/projects/team/tag-rules", "add", "kind=refused&tags=latest"): ("immutable", "create"),
    ("/projects/team/retention", "add", "keep=latest-pushed&amount=3"): ("retention", "create"),
    ("/projects/team/retention", "schedule", "hours=24"): ("retention", "update"),
    ("/projects/team/retention", "run", ""): ("retention", "operate"),
    ("/projects/team/policy", "set", "severity=high"): ("metadata", "update"),
    ("/projects/team/policy", "exempt", "subject=CVE-1&reason=known"): ("metadata", "create"),
    ("/projects/team/settings", "visibility", "visibility=private"): ("project", "update"),
    ("/projects/team/settings", "quota", "most=1GB"): ("*", ""),
    ("/exemptions", "exempt", "subject=CVE-2&reason=known"): ("*", ""),
    ("/exemptions", "withdraw", "number=2"): ("*", ""),
    ("/quotas", "set", "project=team&most=2GB"): ("*", ""),
    ("/repository/team/web", "delete-tag", "tag=1.0"): ("artifact", "delete"),
    ("/repository/team/web", "choose", "chosen=1.0"): ("artifact", "delete"),
    ("/repository/team/web", "remove-chosen", "chosen=nowhere"): ("artifact", "delete"),
    ("/repository/team/web", "remove", "sure=team/web"): ("repository", "delete"),
    ("/repository/team/web", "delete-untagged", "digest=sha256:" + "0" * 64): ("artifact", "delete"),
    (IMAGE, "delete", ""): ("artifact", "delete"),
    (IMAGE, "tag", "tag=stable"): ("repository", "push"),
    (IMAGE + "/findings", "scan", ""): ("scan", "create"),
    ("/projects/team/policy", "try", "severity=high&grace=0&image=team/web:1.0"): ("metadata", "update"),
    ("/projects/team/webhooks", "add", "url=https://x.test/&format=docker"): ("webhook", "create"),
    ("/webhooks", "add", "url=https://all.test/&format=docker"): ("*", ""),
    ("/webhooks/1", "change", "url=https://y.test/&format=docker"): ("webhook", "update"),
    ("/webhooks/1", "switch", ""): ("webhook", "update"),
    ("/webhooks/1", "test", ""): ("webhook", "update"),
    ("/webhooks/1", "redeliver", "delivery=1"): ("webhook", "update"),
    ("/webhooks/1", "remove", ""): ("webhook", "delete"),
    ("/projects/team/keyless", "add", CI): ("keyless", "create"),
    ("/keyless", "add", CI.replace("name=ci", "name=all")): ("*", ""),
    ("/endpoints", "add", "name=other&registry=127.0.0.1:9&username=copier"): ("*", ""),
    ("/endpoints/backup", "change", "registry=127.0.0.1:9&description=x"): ("*", ""),
    ("/endpoints/backup", "ping", ""): ("*", ""),
    ("/endpoints/backup", "remove", ""): ("*", ""),
    ("/replication", "add", "name=other&direction=push&registry=127.0.0.1:9&parallel=2&rate=1&unit=MB"): ("*", ""),
    ("/replication/offsite", "change", "registry=127.0.0.1:9&repositories=none/x&parallel=3"): ("*", ""),
    ("/replication/offsite", "switch", ""): ("*", ""),
    ("/replication/offsite", "run", ""): ("*", ""),
    ("/replication/offsite", "rehearse", ""): ("*", ""),
    ("/replication/runs/1", "cancel", ""): ("*", ""),
    ("/replication/offsite", "remove", ""): ("*", ""),
    ("/audit", "prove", ""): ("*", ""),
    ("/audit", "rehearse", "hours=90&keep=push"): ("*", ""),
    ("/audit", "prune", "hours=90"): ("*", ""),
    ("/audit", "schedule", "hours=90&schedule=24h"): ("*", ""),
    ("/repository/team/web", "describe", "description=What+it+is"): ("repository", "update"),
    ("/users", "add", "name=other&password=correct+horse"): ("*", ""),
    ("/users", "change", "name=guest&what=disable"): ("*", ""),
    ("/users", "remove", "name=guest"): ("*", ""),
    ("/groups", "add", "name=crew"): ("*", ""),
    ("/robots", "add", "name=all&actions=pull"): ("*", ""),
    ("/robots/robot+team+old", "change", "repositories-0=team/x&actions-0=push"): ("robot", "update"),
    ("/robots/robot+old", "change", "repositories-0=&actions-0=push"): ("*", ""),
    ("/jobs", "run", "name=verify"): ("*", ""),
    ("/jobs", "cancel", "number=1"): ("*", ""),
    ("/jobs", "scan", "rematch=yes"): ("*", ""),
    ("/jobs", "schedule", "schedule=24h"): ("*", ""),
    ("/storage", "run", "name=sweep"): ("*", ""),
}
CALLERS = ("root", *ROLES, "stranger", "")


def expected(who: str, needs: tuple[str, str]) -> bool:
    resource, action = needs
    if who == "root" or not resource:
        return True
    if resource == "*" or who not in ROLES:
        return False
    return ROLES.index(who) >= ROLES.index(MATRIX[resource, action])


@pytest.mark.parametrize("who", CALLERS)
def test_every_page_is_shown_to_whoever_may_see_it_and_to_nobody_else(town: Town, who: str) -> None:
    browser = town.browser(who)
    for path, needs in PAGES.items():
        answer = browser.get(path)
        wanted = expected(who, needs) and (who or path != "/me")
        if wanted:
            assert answer.status == 200, (path, answer.body.decode()[-2000:])
            if "/sbom/" not in path:
                assert browser.page.wrong == [], path
                assert browser.page.open == [], path
        elif who:
            assert answer.status == 403, path
            assert "werkzeug" not in browser.text
        else:
            assert answer.status == 303, path
            assert answer.headers["location"].startswith("/login"), path


@pytest.mark.parametrize("who", CALLERS)
def test_every_form_works_for_whoever_may_send_it_and_for_nobody_else(town: Town, who: str) -> None:
    browser = town.browser(who)
    browser.get("/projects" if who else "/login")
    for (path, do, words), needs in FORMS.items():
        if expected(who, needs):
            continue
        token = _token(browser)
        answer = browser.send(path, do, token=token, **_words(words))
        assert answer.status == 403, (who, path, do, answer.status)
    for (path, do, words), needs in FORMS.items():
        if not expected(who, needs) or do in ("remove", "delete", "delete-tag", "delete-untagged", "change"):
            continue
        answer = browser.send(path, do, token=_token(browser), **_words(words))
        assert answer.status in (200, 303) or (do == "cancel" and answer.status == 400), (who, path, do, browser.text)


def _words(text: str) -> dict[str, str]:
    return dict(each.replace("+", " ").split("=", 1) for each in text.split("&") if each)


def _token(browser: Browser) -> str:
    return form.token(browser.cookies.get("dockyard-session") or browser.cookies["dockyard-form"])


@pytest.mark.parametrize("who", ["maintainer", "project-admin", "root"])
def test_whoever_may_delete_removes_tags_images_and_repositories(town: Town, who: str) -> None:
    browser = town.browser(who)
    second = town.push("team/web", "2.0", {"bin/x": b"2"})
    assert browser.send("/repository/team/web", "delete-tag", tag="1.0").status == 303
    assert browser.get(IMAGE).status == 404
    path = f"/image/team/web@{second.descriptor.digest}"
    assert browser.send(path, "delete").status == 303
    assert browser.get(path).status == 404
    town.push("team/web", "3.0", {"bin/x": b"3"})
    assert browser.send("/repository/team/web", "remove", sure="team/other").status == 400
    assert browser.send("/repository/team/web", "remove", sure="team/web").status == 303
    assert browser.get("/repository/team/web").status == 404


def test_images_show_layers_packages_findings_and_how_to_pull(town: Town) -> None:
    browser = town.browser("guest")
    browser.get(IMAGE)
    assert "docker pull localhost:5000/team/web:1.0" in browser.text
    assert "layer 0" in browser.text
    assert "layer 1" in browser.text
    assert "/bin/web" in browser.text
    assert "1 critical" in browser.text
    browser.get(IMAGE + "/packages")
    assert "werkzeug" in browser.text
    assert "site/werkzeug-2.0.dist-info/METADATA" in browser.text
    browser.get(IMAGE + "/packages?q=nothing")
    assert "werkzeug-2.0" not in browser.text
    browser.get(IMAGE + "/findings")
    assert "CVE-2099-0001" in browser.text
    assert "2.3" in browser.text
    assert "/search?q=CVE-2099-0001" in browser.text
    assert "findings/export.csv" not in browser.text  # developers may
    browser.get(IMAGE + "/findings?severity=low")
    assert "CVE-2099-0001" not in browser.text


def test_sboms_are_downloads_that_name_the_packages(town: Town) -> None:
    browser = town.browser("guest")
    for kind, key in (("cyclonedx", "components"), ("spdx", "packages")):
        answer = browser.get(f"{IMAGE}/sbom/{kind}")
        assert answer.headers["content-disposition"].startswith('attachment; filename="team-web-')
        assert any(each["name"] == "werkzeug" for each in json.loads(answer.body)[key])


def test_artifacts_show_what_they_are_how_to_fetch_them_and_how_to_remove_them(town: Town) -> None:
    helm, chart = b'{"name":"web","description":"A chart"}', b"chart"
    registry = town.instance.registry
    for raw in (helm, chart, b"{}"):
        upload = registry.begin("team/chart")
        registry.append("team/chart", upload, raw)
        registry.finish("team/chart", upload, Digest.of(raw))

    def part(raw: bytes, kind: str) -> dict[str, Any]:
        return {"mediaType": kind, "digest": str(Digest.of(raw)), "size": len(raw)}

    whole: dict[str, Any] = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    kind = "application/vnd.cncf.helm"
    content = [part(chart, f"{kind}.chart.content.v1.tar+gzip")]
    town.put("team/chart", "1.2.3_b1", {**whole, "config": part(helm, f"{kind}.config.v1+json"), "layers": content})
    empty = part(b"{}", "application/vnd.oci.empty.v1+json")
    town.put("team/chart", "files", {**whole, "artifactType": "text/x", "config": empty, "layers": [empty]})
    browser = town.browser("maintainer")
    browser.get("/image/team/chart:1.2.3_b1")
    assert "helm pull oci://localhost:5000/team/chart --version 1.2.3+b1" in browser.text
    assert "Helm chart" in browser.text
    assert "A chart" in browser.text
    assert "docker pull" not in browser.text
    browser.get("/repository/team/chart")
    assert "Helm chart" in browser.text
    browser.get("/image/team/chart:files")
    assert "oras pull localhost:5000/team/chart:files" in browser.text
    assert browser.send("/image/team/chart:files", "delete").status == 303
    assert browser.get("/image/team/chart:files").status == 404


def test_a_reason_that_holds_for_all_images_of_an_index_is_told_once(town: Town) -> None:
    parts = [town.push("team/web", tag, {"x": tag.encode()}).descriptor.to_json() for tag in ("one", "two")]
    kind = "application/vnd.oci.image.index.v1+json"
    town.put("team/web", "both", {"schemaVersion": 2, "mediaType": kind, "manifests": parts})
    browser = town.browser("project-admin")
    assert browser.send("/projects/team/policy", "set", require="healthcheck", grace="0").status == 303
    browser.get("/image/team/web:both")
    assert browser.text.count("<strong>healthcheck:") == 1
    assert "All 2 images" in browser.text


def test_an_index_shows_its_platforms_and_sums_its_images(town: Town) -> None:
    made = town.pushed["team/web:1.0"].descriptor
    entries = [{**made.to_json(), "platform": {"os": "linux", "architecture": "arm64"}}]
    kind = "application/vnd.oci.image.index.v1+json"
    digest = town.put("team/web", "multi", {"schemaVersion": 2, "mediaType": kind, "manifests": entries})
    browser = town.browser("guest")
    browser.get("/image/team/web:multi")
    assert "linux/arm64" in browser.text
    assert f"/image/team/web@{made.digest}" in browser.text
    browser.get(f"/image/team/web@{digest}/findings")
    assert "CVE-2099-0001" in browser.text
    browser.get("/repository/team/web")
    assert "linux/arm64" in browser.text
    assert browser.get("/image/team/web@sha256:" + "1" * 64).status == 404


def test_a_mirrored_index_of_which_only_a_part_is_here_says_so(town: Town) -> None:
    """The database as a mirror leaves it: the index is there, one of its images is not."""
    from sqlalchemy import delete

    from dockyard.server.schema.content import MANIFEST

    made = town.push("team/web", "gone", {"bin/x": b"gone"}).descriptor
    here = town.pushed["team/web:1.0"].descriptor
    entries = [each.to_json() | {"platform": {"os": "linux", "architecture": "arm64"}} for each in (here, made)]
    kind = "application/vnd.oci.image.index.v1+json"
    town.put("team/web", "partly", {"schemaVersion": 2, "mediaType": kind, "manifests": entries})
    gone = delete(MANIFEST).where(MANIFEST.c.digest == str(made.digest))
    town.instance.database.write(lambda connection: connection.execute(gone).rowcount)
    town.instance.registry.changed("team/web")
    browser = town.browser("guest")
    for path in ("", "/findings", "/referrers"):
        assert browser.get("/image/team/web:partly" + path).status == 200, path
    browser.get("/image/team/web:partly")
    assert "not here" in browser.text
    assert browser.get("/repository/team/web").status == 200


def test_a_policy_that_denies_says_why_on_the_image_and_an_exemption_lifts_it(town: Town) -> None:
    browser = town.browser("project-admin")
    assert browser.send("/projects/team/policy", "set", severity="high", grace="0").status == 303
    browser.get(IMAGE)
    assert "Denied by the project" in browser.text
    assert "CVE-2099-0001 in werkzeug is critical" in browser.text
    exempt = {"subject": "CVE-2099-0001", "reason": "not reachable", "until": "2999-01-01"}
    assert browser.send("/projects/team/policy", "exempt", **exempt).status == 303
    browser.get(IMAGE)
    assert "Allowed by the project" in browser.text
    for path in ("?since=2999-01-01", "?until=2001-01-01", "?actor=nobody", "?kind=robot."):
        browser.get("/projects/team/audit" + path)
        assert "exemption.create" not in browser.text, path
    browser.get("/projects/team/audit?kind=exemption.&since=2020-01-01&until=2999-01-01")
    assert "exemption.create" in browser.text
    assert "project-admin" in browser.text


def test_a_dry_run_says_what_goes_and_changes_nothing(town: Town) -> None:
    for number in range(3):
        town.push("team/web", f"2.{number}", {"bin/x": str(number).encode()})
    browser = town.browser("developer")
    rule = {"keep": "latest-pushed", "amount": "1", "repositories": "**", "tags": "2.*"}
    assert browser.send("/projects/team/retention", "add", **rule).status == 303
    browser.get("/projects/team/retention?dry=1")
    assert "3 images" in browser.text  # two of 2.*, and 1.0, which no rule keeps
    assert "What stays, and why" in browser.text
    for tag in ("1.0", "2.0", "2.1", "2.2"):
        assert browser.get(f"/image/team/web:{tag}").status == 200


def test_a_refused_form_shows_its_page_with_the_reason_and_what_was_typed(town: Town) -> None:
    browser = town.browser("root")
    answer = browser.send("/projects", "make", name="Not A Name")
    assert answer.status == 400
    assert 'role="alert"' in browser.text
    assert 'value="Not A Name"' in browser.text
    assert browser.send("/projects/team/robots", "add", name="x", actions="pull", expires="2001-01-01").status == 400
    assert "is over" in browser.text
    assert browser.send("/projects/team/retention", "add", keep="latest-pushed", amount="many").status == 400
    assert browser.send("/projects/nowhere/members", "put", token=None, name="x", role="guest").status in (403, 404)


def test_robots_and_tokens_show_their_secret_once(town: Town) -> None:
    browser = town.browser("project-admin")
    words: dict[str, Any] = {"name": "ci", "actions": ["pull", "push"], "repositories": "team/web"}
    assert browser.send("/projects/team/robots", "add", **words).status == 200
    assert "dyr_" in browser.text
    assert "robot+team+ci" in browser.text
    browser.get("/projects/team/robots")
    assert "dyr_" not in browser.text
    assert "robot+team+ci" in browser.text
    assert browser.send("/me", "add", name="laptop", scope="read-only").status == 200
    assert "dyp_" in browser.text
    browser.get("/me")
    assert "dyp_" not in browser.text
    assert "laptop" in browser.text


def test_what_is_not_there_is_a_page_that_says_so(town: Town) -> None:
    browser = town.browser("root")
    for path in (
        "/nowhere",
        "/projects/nowhere",
        "/repository/team/none",
        "/image/team/web:none",
        "/image/x",
        "/" * 2000,
    ):
        assert browser.get(path).status == 404, path
        assert "That did not work" in browser.text
    assert browser.call("PUT", "/projects", headers={"host": "localhost"}).status == 405


def test_the_protocol_and_the_health_page_are_still_where_they_were(town: Town) -> None:
    call = town.browser().call
    assert call("GET", "/v2/").status == 401
    assert call("GET", "/healthz").document == {"status": "ok"}
    assert call("GET", "/token?scope=repository:open/tool:pull").status == 200
    assert call("GET", "/login/oidc").status == 404


def test_pages_know_the_path_under_which_a_proxy_shows_them(opened: Callable[..., Town]) -> None:
    from dockyard.server.settings import Proxy

    town = opened(proxy=Proxy(url="https://hub.example/registry"))
    browser = town.browser()
    browser.get("/registry/projects")
    assert 'href="/registry/jobs"' in browser.text
    assert "docker push hub.example/PROJECT" in browser.text
    assert "hub.example/registry" not in browser.text, "clients know no path"
    assert all("Path=/registry/" in each and "Secure" in each for each in browser.answer.cookies)


def test_other_ways_to_log_in_are_offered_where_they_are_set_up(opened: Callable[..., Town]) -> None:
    from dockyard.server.settings import Ldap, Oidc

    plain = opened().browser()
    plain.get("/login")
    assert "single sign-on" not in plain.text
    both = opened(
        oidc=Oidc(issuer="https://id.example", client_id="x"), ldap=Ldap(url="ldap://127.0.0.1:1", base="dc=x")
    ).browser()
    both.get("/login?back=/projects/team")
    assert 'href="/login/oidc?back=%2Fprojects%2Fteam"' in both.text
    assert "of the directory" in both.text


def test_the_next_turn_of_a_periodic_task_is_not_cancelled_and_another_job_is(town: Town) -> None:
    database = town.instance.database
    periodic = history.add(database, "scan", {}, 2**52, "periodic scan")
    other = history.add(database, "verify", {}, 2**52, "")
    browser = town.browser("root")
    browser.get("/jobs")
    assert f'aria-label="Cancel job {other}"' in browser.text
    assert f'aria-label="Cancel job {periodic}"' not in browser.text
    assert browser.send("/jobs", "cancel", number=str(periodic)).status == 400
    assert browser.send("/jobs", "cancel", number=str(other)).status == 303
    states = {each.number: each.state for each in history.jobs(database)}
    assert (states[periodic], states[other]) == ("waiting", "cancelled")  # type: ignore[index]


def test_a_password_is_changed_by_whoever_knows_the_one_before(town: Town) -> None:
    browser = town.browser("guest")
    assert browser.send("/me", "password", old="wrong horse", new="another horse").status == 401
    assert browser.send("/me", "password", old="correct horse", new="short").status == 400
    assert browser.send("/me", "password", old="correct horse", new="another horse").status == 303
    assert browser.get("/me").status == 303
    assert browser.login("guest", "correct horse").status == 401
    assert browser.login("guest", "another horse").status == 303


def test_a_member_narrowed_to_some_repositories_sees_no_others(town: Town) -> None:
    members.put(town.instance.database, SYSTEM, "team", "stranger", "developer", repositories=["team/web-*"])
    town.push("team/web-shop", "1.0", {"bin/x": b"shop"})
    browser = town.browser("stranger")
    browser.get("/projects/team")
    assert "/repository/team/web-shop" in browser.text
    assert '/repository/team/web"' not in browser.text
    assert browser.get("/repository/team/web").status == 403
    assert browser.get(IMAGE).status == 403
    assert browser.get("/image/team/web-shop:1.0").status == 200


def test_the_access_log_names_who_looked(opened: Callable[..., Town], tmp_path: Path) -> None:
    from dockyard.server.measuring.settings import AccessLog

    town = opened(access_log=AccessLog(to=str(tmp_path / "access.log")))
    users.add(town.instance.database, SYSTEM, "root", password=PASSWORD, admin=True)
    town.instance.start()
    browser = town.browser("root")
    browser.get("/jobs")
    town.instance.close()
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    said = [line for line in lines if line.get("path") == "/jobs"]
    assert len(said) == 1, lines
    assert "root" in said[0].values(), said
