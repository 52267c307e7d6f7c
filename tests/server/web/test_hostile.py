"""What strangers may try with pages: markup in names, forms from elsewhere, cookies, long lists, odd parameters."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from dockyard.oci.digest import Digest
from dockyard.server.access import sessions
from dockyard.server.clock import now
from dockyard.server.rules import tag_rules
from dockyard.server.schema.content import TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.web.login import inside

from .conftest import NASTY, PASSWORD, Town

pytestmark = pytest.mark.slow

IMAGE = "/image/team/web:1.0"


def test_markup_in_what_was_pushed_is_shown_as_text(town: Town) -> None:
    labels = {NASTY: NASTY, '"><img src=x onerror=alert(1)>': "x"}
    metadata = f"Metadata-Version: 2.1\nName: a{NASTY}\nVersion: {NASTY}\nLicense: {NASTY}\n\n".encode()
    files = {f"site/{NASTY.replace('/', '')}-1.dist-info/METADATA": metadata}
    town.push("team/web", "nasty", files, Labels=labels, Cmd=[NASTY], Env=[f"A={NASTY}"], User=NASTY)
    subject = town.pushed["team/web:nasty"].descriptor
    kind = "application/vnd.oci.image.manifest.v1+json"
    empty = {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": str(Digest.of(b"{}", "sha256")),
        "size": 2,
    }
    upload = town.instance.registry.begin("team/web")
    town.instance.registry.append("team/web", upload, b"{}")
    town.instance.registry.finish("team/web", upload, Digest.parse(str(empty["digest"])))
    artifact = {
        "schemaVersion": 2,
        "mediaType": kind,
        "artifactType": NASTY,
        "config": empty,
        "layers": [empty],
        "subject": subject.to_json(),
        "annotations": {NASTY: NASTY},
    }
    digest = town.put("team/web", "artifact", artifact)
    town.scan()
    browser = town.browser("root")
    browser.send("/projects/team/robots", "add", name="ci", actions="pull", description=NASTY)
    browser.send("/projects/team/policy", "exempt", subject=NASTY, reason=NASTY)
    browser.send("/projects", "make", name=NASTY)
    assert NASTY not in browser.text
    seen = 0
    for path in (
        "/image/team/web:nasty",
        "/image/team/web:nasty/packages",
        "/image/team/web:nasty/referrers",
        f"/image/team/web@{digest}",
        "/repository/team/web",
        f"/repository/team/web?q={NASTY}",
        "/projects/team/robots",
        "/projects/team/policy",
        "/audit",
        f"/audit?actor={NASTY}",
        f"/projects?q={NASTY}",
    ):
        assert browser.get(path).status == 200, path
        assert NASTY not in browser.text, path
        assert "<img src=x" not in browser.text, path
        seen += browser.text.count("&lt;script&gt;")
        scripts = [attributes for tag, attributes in browser.page.tags if tag == "script"]
        assert [each["src"] for each in scripts if str(each["src"]).startswith("/assets/")] == [scripts[0]["src"]], path
    assert seen > 10


def test_nothing_in_a_page_needs_inline_scripts_or_styles(town: Town) -> None:
    browser = town.browser("root")
    for path in ("/projects", "/projects/team", IMAGE, "/jobs", "/storage", "/me", "/users"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        for tag, attributes in browser.page.tags:
            assert "style" not in attributes, (path, tag)
            assert not [each for each in attributes if each.startswith("on")], (path, tag)
            if tag == "script":
                assert str(attributes["src"]).startswith("/assets/")
            for name in ("src", "href", "action"):
                assert not str(attributes.get(name) or "").startswith(("http", "//", "javascript")), (path, attributes)


def test_every_field_has_a_label_and_every_form_that_changes_something_has_a_token(town: Town) -> None:
    browser = town.browser("root")
    for path in (
        "/login",
        "/projects",
        "/projects/team/members",
        "/projects/team/robots",
        "/projects/team/tag-rules",
        "/projects/team/retention",
        "/projects/team/policy",
        "/projects/team/settings",
        "/users",
        "/groups",
        "/me",
        "/jobs",
        "/storage",
        "/repository/team/web",
        IMAGE,
    ):
        browser.get(path)
        for form in re.findall(r"<form[^>]*>.*?</form>", browser.text, re.DOTALL):
            if 'method="post"' in form.split(">")[0]:
                assert 'name="csrf"' in form, (path, form[:200])
        unlabelled = re.sub(r"<label.*?</label>", "", browser.text, flags=re.DOTALL)
        assert not re.findall(r'<(?:input|select|textarea)(?![^>]*(?:type="hidden"|aria-hidden))[^>]*>', unlabelled), (
            path
        )
        assert browser.text.count("<h1") == 1, path


def test_a_form_without_a_good_token_is_refused(town: Town) -> None:
    browser = town.browser("root")
    other = town.browser("stranger")
    other.get("/me")
    foreign = re.search(r'name="csrf" value="([^"]+)"', other.text)
    assert foreign is not None
    for token in ("", "x", "x.y", foreign[1], "é.ü"):
        assert browser.send("/projects", "make", token=token, name="fresh").status == 403
        assert browser.get("/projects/fresh").status == 404


def test_a_form_from_another_site_is_refused_even_with_a_good_token(town: Town) -> None:
    browser = town.browser("root")
    browser.get("/projects")
    found = re.search(r'name="csrf" value="([^"]+)"', browser.text)
    assert found is not None
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"host": "localhost", "cookie": cookies, "content-type": "application/x-www-form-urlencoded"}
    words = {"csrf": found[1], "do": "make", "name": "fresh"}
    for site in ("cross-site", "same-site"):
        assert browser.call.form("/projects", words, headers={**headers, "sec-fetch-site": site}).status == 403
    assert browser.call.form("/projects", words, headers={**headers, "sec-fetch-site": "same-origin"}).status == 303


def test_forms_that_are_none_or_too_long_are_refused(town: Town) -> None:
    call = town.browser().call
    form = {"host": "localhost", "content-type": "application/x-www-form-urlencoded"}
    assert call("POST", "/login", body=b"{}", headers={"host": "x", "content-type": "application/json"}).status == 400
    assert call("POST", "/login", body=b"a=" + b"x" * (1 << 20), headers=form).status == 400
    assert call("POST", "/login", body=b"&".join(b"a=1" for _ in range(2501)), headers=form).status == 400
    assert call("POST", "/login", body=b"name=%ff%fe&csrf=%00", headers=form).status in (400, 403)


def test_the_session_is_in_a_cookie_that_scripts_cannot_read_and_ends_at_logout(town: Town) -> None:
    browser = town.browser()
    answer = browser.login("root")
    cookie = next(each for each in answer.cookies if each.startswith(sessions.COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    value = browser.cookies[sessions.COOKIE]
    browser.get("/me")
    assert value not in browser.text
    assert browser.send("/me", "x").status == 404  # no such form
    browser.get("/me")
    token = re.search(r'name="csrf" value="([^"]+)"', browser.text)
    assert token is not None
    assert browser.send("/logout", "logout", token=token[1]).status == 303
    assert sessions.find(town.instance.database, value) is None
    assert browser.get("/me").status == 303


def test_wrong_passwords_and_secrets_of_machines_log_nobody_in(town: Town) -> None:
    root = town.browser("root")
    root.send("/me", "add", name="laptop", scope="full")
    token = re.search(r"dyp_[\w-]+", root.text)
    assert token is not None
    bearer = root.call("GET", "/token", headers={"host": "localhost"}, auth=_basic("root", PASSWORD)).document["token"]
    for name, password in (
        ("root", "wrong horse"),
        ("nobody", PASSWORD),
        ("root", token[0]),
        ("root", bearer),
        ("", ""),
    ):
        browser = town.browser()
        assert browser.login(name, password).status == 401, name
        assert sessions.COOKIE not in browser.cookies
        assert password == "" or password not in browser.text


def _basic(name: str, password: str) -> str:
    from making.calls import basic

    return basic(name, password)


def test_too_many_wrong_passwords_have_to_wait(opened: Callable[..., Town], town: Town) -> None:
    browser = town.browser()
    statuses = [browser.login("guest", "wrong horse").status for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    assert "try again in" in browser.text


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\r\nb", "", "\\/x"]
)
def test_nobody_is_sent_to_another_site_after_a_login(town: Town, path: str) -> None:
    assert inside(path) == "/"
    browser = town.browser()
    answer = browser.send("/login", "login", name="guest", password=PASSWORD, back=path)
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_without_accounts_only_this_machine_by_its_own_name_sees_pages(opened: Callable[..., Town]) -> None:
    town = opened()
    browser = town.browser()
    assert browser.get("/projects").status == 200
    assert "There are no accounts" in browser.text
    assert browser.get("/projects", host="evil.example").status == 421
    assert browser.send("/users", "add", name="root", password=PASSWORD, admin="yes").status == 303
    assert browser.get("/jobs").status == 303
    assert browser.login("root").status == 303
    assert browser.get("/jobs").status == 200


def test_long_lists_come_in_pages_that_end(town: Town) -> None:
    database = town.instance.database
    with database.read() as connection:
        row = connection.execute(select(TAG).limit(1)).mappings().one()
        number = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == "team/web")).scalar_one()
        digest = connection.execute(select(TAG.c.digest).where(TAG.c.repository_id == number)).scalar_one()
    at = now()
    rows = [
        {**row, "repository_id": number, "digest": digest, "name": f"t{each:05}", "updated_at": at - each % 7}
        for each in range(20_000)
    ]
    database.write(lambda connection: connection.execute(TAG.insert(), rows).rowcount)
    browser = town.browser("guest")
    for order in ("name", "newest"):
        path, seen = f"/repository/team/web?order={order}&q=t001", list[str]()
        while path:
            assert browser.get(path).status == 200
            assert len(browser.answer.body) < 200_000
            seen += re.findall(r'href="/image/team/web:(t\d+)"', browser.text)
            following = re.search(r'rel="next" href="([^"]+)"', browser.text)
            path = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen)) == 100, order


def test_odd_parameters_are_no_failure(town: Town) -> None:
    browser = town.browser("root")
    for path in (
        "/audit?before=x",
        "/audit?before=" + "9" * 30,
        "/jobs?before=-1",
        "/jobs?state=odd",
        "/projects?after=%00&q=%ff",
        "/repository/team/web?at=x&after=%27&order=odd",
        "/repository/team/web?at=" + "9" * 16,
        IMAGE + "/packages?after=999999999",
        IMAGE + "/findings?after=-1&severity=%3Cb%3E",
    ):
        assert browser.get(path).status == 200, path


def test_odd_numbers_in_forms_are_refused_and_no_failure(town: Town) -> None:
    browser = town.browser("root")
    for path, do, name in (
        ("/jobs", "cancel", "number"),
        ("/webhooks/1", "redeliver", "delivery"),
        ("/projects/team/tag-rules", "remove", "number"),
        ("/projects/team/retention", "add", "amount"),
        ("/projects/team/retention", "schedule", "hours"),
        ("/projects/team/policy", "save", "grace"),
        ("/projects/team/settings", "quota", "most"),
        ("/projects/team/keyless", "add", "minutes"),
        ("/replication", "add", "parallel"),
        ("/replication", "add", "rate"),
    ):
        for number in ("9" * 15, "9" * 16, "9" * 20, "9" * 900, "-1", "1e9", "٣"):
            form = {"name": "n", "registry": "x.test", "keep": "latest-pushed", "unit": "GB", name: number}
            # The longest that is one may be too much, or of nothing.
            assert browser.send(path, do, **form).status in ((303, 400, 404) if number == "9" * 15 else (400, 404))


def test_rules_of_one_project_are_not_removed_through_another(town: Town) -> None:
    database = town.instance.database
    made = tag_rules.add(database, "open", "refused", "latest")
    browser = town.browser("project-admin")
    assert browser.send("/projects/team/tag-rules", "remove", number=str(made.number)).status in (400, 404)
    assert tag_rules.listed(database, "open") == [made]
