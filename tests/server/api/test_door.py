"""How requests get to the API: logins, browsers, odd bodies and paths, pages of lists."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from dockyard.server.access import sessions
from dockyard.server.access.principal import Proof
from dockyard.server.access.reading import account_stamp
from dockyard.server.schema.accounts import ACCOUNT
from dockyard.server.settings import Access, Proxy
from making.calls import Answer, basic

from .conftest import PASSWORD, Place

pytestmark = pytest.mark.slow


def error(answer: Answer) -> str:
    found = answer.document["error"]
    assert found["status"] == answer.status
    assert found["message"]
    return str(found["reference"])


def session(place: Place, name: str) -> str:
    """The cookie of a web session."""
    with place.database.read() as connection:
        row = connection.execute(ACCOUNT.select().where(ACCOUNT.c.name == name)).one()
    value = sessions.begin(place.database, Proof("account", row.id, account_stamp(row)), name, "192.0.2.7")
    return f"{sessions.COOKIE}={value}"


def test_without_accounts_whoever_is_on_this_machine_is_the_system(opened: Callable[..., Place]) -> None:
    place = opened()
    assert place.api("GET", "/me", host="127.0.0.1:5000").document["admin"] is True
    assert place.api("POST", "/projects", {"name": "team"}, host="localhost").status == 201
    # A name that somebody lets lead to this machine is no way in, and neither is another site's page.
    assert error(place.api("GET", "/me", host="rebound.example")) == "cross-origin"
    refused = place.api("POST", "/projects", {"name": "b"}, host="localhost", origin="https://evil.example")
    assert (refused.status, error(refused)) == (403, "cross-origin")
    assert place.api("POST", "/projects", {"name": "b"}, host="localhost", origin="http://localhost").status == 201


def test_basic_bearer_and_session_show_who_it_is(place: Place, root: str) -> None:
    token = place.call("GET", "/token?service=dockyard", auth=root).document["token"]
    for answer in (
        place.api("GET", "/me", auth=root),
        place.api("GET", "/me", auth=f"Bearer {token}"),
        place.api("GET", "/me", cookie=session(place, "root")),
    ):
        assert (answer.status, answer.document["name"]) == (200, "root")
    wrong = place.api("GET", "/me", auth=basic("root", "wrong"))
    assert wrong.status == 401
    assert wrong.headers["www-authenticate"].startswith("Bearer realm=")
    assert error(wrong) == "registry-request-refused"
    nobody = place.api("GET", "/users")
    assert (nobody.status, error(nobody)) == (401, "login-needed")
    assert "www-authenticate" in nobody.headers
    ended = place.api("GET", "/me", cookie=f"{sessions.COOKIE}=dys_none")
    assert ended.document["kind"] == "anonymous"


def test_a_session_changes_something_only_with_its_token(place: Place) -> None:
    cookie = session(place, "root")
    refused = place.api("POST", "/projects", {"name": "team"}, cookie=cookie)
    assert (refused.status, error(refused)) == (403, "cross-origin")
    csrf = place.api("GET", "/me", cookie=cookie).document["csrf"]
    other = place.api("GET", "/me", cookie=session(place, "root")).document["csrf"]
    assert csrf != other
    assert place.api("POST", "/projects", {"name": "team"}, cookie=cookie, x_csrf_token=other).status == 403
    good = {"cookie": cookie, "x_csrf_token": csrf}
    for elsewhere in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        assert place.api("POST", "/projects", {"name": "team"}, **good, **elsewhere).status == 403
    assert place.api("POST", "/projects", {"name": "team"}, **good, sec_fetch_site="same-origin").status == 201


def test_credentials_that_a_browser_keeps_do_not_help_another_site(place: Place, root: str) -> None:
    refused = place.api("DELETE", "/projects/x", auth=root, origin="https://evil.example")
    assert (refused.status, error(refused)) == (403, "cross-origin")
    assert place.api("GET", "/projects", auth=root, origin="https://evil.example").status == 200


def test_too_many_tries_have_to_wait(opened: Callable[..., Place]) -> None:
    place = opened(access=Access(tries=2))
    place.user("root", admin=True)
    for _ in range(2):
        assert place.api("GET", "/me", auth=basic("root", "wrong")).status == 401
    waiting = place.api("GET", "/me", auth=basic("root", PASSWORD))
    assert waiting.status == 429
    assert int(waiting.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/projects", b"{", 400),
        ("POST", "/projects", b"", 400),
        ("POST", "/projects", b"[]", 400),
        ("POST", "/projects", b'{"name": "team", "colour": "red"}', 400),
        ("POST", "/projects", b'{"name": 7}', 400),
        ("POST", "/projects", b'{"name": "a\\u0000b"}', 400),
        ("POST", "/projects", b'{"name": "\xff"}', 400),
        ("POST", "/projects", b'{"name": "UPPER"}', 422),
        ("POST", "/projects", b'{"name": "' + b"a" * 300_000 + b'"}', 413),
        ("POST", "/projects", b"[" * 100_000, 400),
        ("GET", "/projects?count=0", b"", 400),
        ("GET", "/projects?count=many", b"", 400),
        ("GET", "/projects?last=%00", b"", 400),
        ("GET", "/projects?last=" + "a" * 9000, b"", 400),
        ("GET", "/jobs?state=odd", b"", 400),
        ("GET", "/jobs/99999999999999999999", b"", 400),
        ("GET", "/jobs/7", b"", 404),
        ("GET", "/nothing", b"", 404),
        ("POST", "/me", b"", 405),
        ("GET", "/repositories/team:web", b"", 404),
        ("GET", "/repositories/..", b"", 404),
        ("GET", "/repositories/team:web/tags", b"", 404),
        ("PUT", "/projects/none/quota", b'{"most": 5}', 404),
        ("PUT", "/projects/none/policy", b"{}", 404),
        ("POST", "/projects/none/exemptions", b'{"subject": "CVE-1", "reason": "x"}', 404),
        ("POST", "/jobs", b'{"task": "none"}', 422),
    ],
)
def test_odd_requests_are_refused_in_one_form(
    place: Place, root: str, method: str, path: str, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"} if body else {}
    answer = place.call(method, f"/api/v1{path}", auth=root, body=body, headers=headers)
    assert answer.status == status, answer.body
    assert error(answer)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 405:
        assert "GET" in answer.headers["allow"]


def test_pages_lead_from_one_to_the_next(place: Place, root: str) -> None:
    for number in range(5):
        place.project(f"p{number}")
        place.image(f"p0/r{number}")
    for path in ("/projects?count=2", "/repositories?project=p0&count=2"):
        names: list[str] = []
        following = path
        while following:
            answer = place.api("GET", following, auth=root)
            names += [each["name"] for each in answer.document]
            link = answer.headers.get("link", "")
            assert not link or link.endswith('>; rel="next"')
            following = link.partition(">")[0].removeprefix("</api/v1")
        assert names == sorted(names)
        assert len(names) == 5


def test_pages_behind_a_proxy_have_its_path(opened: Callable[..., Place]) -> None:
    place = opened(proxy=Proxy(url="https://example.org/registry"))
    auth = place.user("root", admin=True)
    place.project("a")
    place.project("b")
    answer = place.call("GET", "/registry/api/v1/projects?count=1", auth=auth)
    assert answer.headers["link"] == '</registry/api/v1/projects?last=a&count=1>; rel="next"'


def test_slashes_of_repositories_are_colons_or_encoded(place: Place, root: str) -> None:
    import asyncio

    place.project("team")
    place.image("team/web/api")
    assert place.api("GET", "/repositories/team:web:api", auth=root).document["name"] == "team/web/api"
    found: list[int] = []

    async def send(message: object) -> None:
        found.append(message.get("status", 0))  # type: ignore[attr-defined]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/repositories/team/web/api/tags",
        "raw_path": b"/api/v1/repositories/team%2Fweb%2fapi/tags",
        "query_string": b"",
        "headers": [(b"authorization", root.encode()), (b"host", b"registry.test")],
        "client": ("192.0.2.7", 1),
        "scheme": "http",
    }
    asyncio.run(place.instance.app(scope, receive, send))
    assert found[0] == 200


def test_what_is_in_an_image_is_told(place: Place, root: str) -> None:
    place.project("team")
    digest = place.image("team/web", label="Web")
    whole = place.api("GET", "/repositories/team:web/artifacts/1", auth=root).document
    assert whole["artifact"]["digest"] == digest
    assert whole["artifact"]["platforms"] == ["linux/amd64"]
    assert whole["artifact"]["tags"] == ["1"]
    assert whole["configuration"]["labels"] == {"title": "Web"}
    assert whole["configuration"]["user"] == "app"
    layers = place.api("GET", f"/repositories/team:web/artifacts/{digest}/layers", auth=root).document
    assert [each["instruction"] for each in layers] == ["COPY hello /", "USER app"]
    assert layers[0]["digest"].startswith("sha256:")
    assert layers[1]["digest"] == ""
    tag = place.api("GET", "/repositories/team:web/tags", auth=root).document[0]
    assert (tag["name"], tag["digest"]) == ("1", digest)
    assert place.api("GET", "/repositories/team:web/artifacts/1/verdict", auth=root).document["policy"] is False
    place.api("PUT", "/projects/team/policy", {"policy": {"require": ["healthcheck"]}}, auth=root)
    verdict = place.api("GET", "/repositories/team:web/artifacts/1/verdict", auth=root).document
    assert (verdict["allowed"], verdict["images"][0]["reasons"][0]["rule"]) == (False, "healthcheck")


def test_an_immutable_tag_holds_what_has_it(place: Place, root: str) -> None:
    place.project("team")
    digest = place.image("team/web", "v1")
    place.api("POST", "/projects/team/tag-rules", {"kind": "immutable", "tags": "v*"}, auth=root)
    for path in ("", "/tags/v1", f"/artifacts/{digest}"):
        answer = place.api("DELETE", f"/repositories/team:web{path}", auth=root)
        assert answer.status == 412, answer.body
        assert "immutable" in answer.document["error"]["message"]
        assert "tag-rules" in answer.document["error"]["hint"]
    assert place.api("DELETE", "/projects/team", auth=root).status == 409
    assert place.api("DELETE", "/projects/team?force=true", auth=root).status == 412


def test_nothing_of_the_api_is_loaded_before_somebody_uses_it() -> None:
    code = "import sys, dockyard.server.instance; assert not any(each.startswith('litestar') for each in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
