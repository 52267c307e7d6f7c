"""Login through a real OpenID Connect provider, over HTTP on loopback."""

import http.client
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dockyard.errors import UsageError
from dockyard.server.access import groups, members, personal, sessions, users
from dockyard.server.access.ldap import DirectorySettingsError
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import allowed
from dockyard.server.settings import Ldap, Oidc
from making.calls import Answer, basic
from making.provider import Provider

from .conftest import PASSWORD, Place


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def door(opened: Callable[..., Place], provider: Provider) -> Callable[..., Place]:
    def make(**more: Any) -> Place:
        oidc = Oidc(issuer=provider.issuer, client_id=provider.client, client_secret=provider.secret, **more)
        place = opened(oidc=oidc)
        place.user("root", admin=True)
        return place

    return make


def fetched(url: str) -> tuple[int, str]:
    """Follow a link as a browser does, but only once: the status, and where it leads."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


def log_in(place: Place, back: str = "/", *, cookie: str | None = None) -> Answer:
    """What a browser does: the last answer."""
    begun = place.call("GET", f"/login/oidc?back={back}")
    assert begun.status == 303, begun.body
    state = begun.cookies[0].partition(";")[0]
    status, location = fetched(begun.headers["location"])
    assert status == 302
    parts = urlsplit(location)
    assert parts.path == "/login/oidc/callback"
    return place.call("GET", f"{parts.path}?{parts.query}", headers={"cookie": state if cookie is None else cookie})


def session(answer: Answer) -> str:
    found = next(each for each in answer.cookies if each.startswith(sessions.COOKIE))
    assert "HttpOnly" in found
    assert "SameSite=Lax" in found
    return found.partition(";")[0].partition("=")[2]


def test_a_person_gets_an_account_a_session_and_the_page_that_was_wanted(door: Callable[..., Place]) -> None:
    place = door()
    done = log_in(place, "/projects/team?tab=1")
    assert (done.status, done.headers["location"]) == (303, "/projects/team?tab=1")
    who = sessions.find(place.database, session(done))
    assert who is not None
    assert (who.name, who.admin) == ("ada-lovelace", False)
    kept = users.get(place.database, SYSTEM, "ada-lovelace")
    assert (kept.source, kept.email) == ("oidc", "ada@example.org")
    again = sessions.find(place.database, session(log_in(place)))
    assert again is not None
    assert again.account == who.account
    sessions.end(place.database, session(done))
    assert sessions.find(place.database, session(done)) is None


@pytest.mark.parametrize("back", ["//evil.example/", "/\\evil.example", "https://evil.example/", "evil"])
def test_nobody_is_sent_to_another_site(door: Callable[..., Place], back: str) -> None:
    assert log_in(door(), back).headers["location"] == "/"


def test_groups_and_admin_follow_the_provider_at_each_login(door: Callable[..., Place], provider: Provider) -> None:
    place = door(groups_claim="groups", admin_group="ops")
    groups.add(place.database, SYSTEM, "local")
    provider.claims["groups"] = ["dev", "ops", "local"]
    place.project("team")
    groups.add(place.database, SYSTEM, "dev", source="oidc")
    members.put(place.database, SYSTEM, "team", "dev", "developer", kind="group")
    who = sessions.find(place.database, session(log_in(place)))
    assert who is not None
    assert who.admin
    assert {each.name: each.accounts for each in groups.listing(place.database, SYSTEM)} == {
        "dev": ("ada-lovelace",),
        "local": (),
        "ops": ("ada-lovelace",),
    }
    provider.claims["groups"] = ["dev"]
    who = sessions.find(place.database, session(log_in(place)))
    assert who is not None
    assert not who.admin
    assert allowed(who, "team", "repository", "push")
    provider.claims["groups"] = []
    who = sessions.find(place.database, session(log_in(place)))
    assert who is not None
    assert not allowed(who, "team", "repository", "pull")


def test_tokens_for_the_command_line_outlive_the_provider(door: Callable[..., Place], provider: Provider) -> None:
    place = door()
    place.project("team")
    who = sessions.find(place.database, session(log_in(place)))
    assert who is not None
    members.put(place.database, SYSTEM, "team", who.name, "developer")
    _, secret = personal.add(place.database, who, who.name, "laptop")
    provider.close()
    provider.close = lambda: None  # type: ignore[method-assign]
    place.image("team/web", auth=basic(who.name, secret))
    assert place.call("GET", "/v2/", auth=basic(who.name, "not-the-token")).status == 401


def test_a_login_that_another_browser_began_is_refused(door: Callable[..., Place]) -> None:
    place = door()
    for cookie in ("", "dockyard-login=other"):
        refused = log_in(place, cookie=cookie)
        assert refused.status == 403
        assert "did not begin" in refused.document["errors"][0]["message"]


def test_a_state_is_good_for_one_try(door: Callable[..., Place]) -> None:
    place = door()
    begun = place.call("GET", "/login/oidc")
    cookie = begun.cookies[0].partition(";")[0]
    _, location = fetched(begun.headers["location"])
    path = "/login/oidc/callback?" + urlsplit(location).query
    assert place.call("GET", path, headers={"cookie": cookie}).status == 303
    assert place.call("GET", path, headers={"cookie": cookie}).status == 403
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert place.call("GET", f"/login/oidc/callback?state={state}&code=x", headers={"cookie": cookie}).status == 403


@pytest.mark.parametrize("fault", ["nonce", "audience", "several", "key", "expired", "issuer", "denied"])
def test_a_token_that_is_not_genuine_logs_nobody_in(door: Callable[..., Place], provider: Provider, fault: str) -> None:
    place = door()
    log_in(place)
    before = len(users.listing(place.database, SYSTEM))
    provider.claims["sub"] = "u-2"
    provider.claims["preferred_username"] = "mallory"
    if fault == "nonce":
        provider.nonce = "another"
    elif fault == "audience":
        provider.audience = "another-client"
    elif fault == "several":
        provider.audience = [provider.client, "another-client"]
    elif fault == "key":
        right, whole = provider.key, provider.token
        provider.renew()
        wrong, provider.key, provider.algorithm = provider.key, right, "ES256"
        provider.token = lambda **claims: whole(key=wrong, **claims)  # type: ignore[method-assign]
    elif fault == "expired":
        provider.claims["exp"] = 1_000_000_000
    elif fault == "issuer":
        provider.claims["iss"] = "https://evil.example"
    else:
        place.call("GET", "/login/oidc")
        refused = place.call("GET", "/login/oidc/callback?error=access_denied")
        assert (refused.status, "access_denied" in refused.body.decode()) == (403, True)
        return
    assert log_in(place).status == 403
    assert len(users.listing(place.database, SYSTEM)) == before


def test_a_new_key_of_the_provider_is_fetched(
    door: Callable[..., Place], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = door()
    log_in(place)
    provider.renew()
    monkeypatch.setattr("dockyard.server.access.issuers._AGAIN_S", 0.0)
    assert log_in(place).status == 303
    assert provider.seen.count("/keys") == 2


def test_a_name_that_somebody_has_is_not_given_to_a_stranger(door: Callable[..., Place], provider: Provider) -> None:
    place = door()
    provider.claims["preferred_username"] = "root"
    refused = log_in(place)
    assert refused.status == 403
    assert "somebody else's" in refused.document["errors"][0]["message"]
    place.call("GET", "/v2/", auth=basic("root", PASSWORD))
    users.add(place.database, SYSTEM, "grace", source="oidc")
    provider.claims["preferred_username"] = "grace"
    assert log_in(place).status == 303


def test_without_onboarding_only_known_people_log_in(door: Callable[..., Place]) -> None:
    place = door(onboard=False)
    assert log_in(place).status == 403
    users.add(place.database, SYSTEM, "ada-lovelace", source="oidc")
    assert log_in(place).status == 303
    users.change(place.database, SYSTEM, "ada-lovelace", disabled=True)
    assert log_in(place).status == 403


def test_a_provider_that_is_away_is_a_passing_fault(door: Callable[..., Place], provider: Provider) -> None:
    place = door()
    provider.close()
    provider.close = lambda: None  # type: ignore[method-assign]
    assert place.call("GET", "/login/oidc").status == 503
    assert place.call("GET", "/v2/", auth=basic("root", PASSWORD)).status == 200


def test_an_admin_group_that_could_never_be_found_is_refused_at_the_start(opened: Callable[..., Place]) -> None:
    with pytest.raises(UsageError, match="groups-claim"):
        opened(oidc=Oidc(issuer="https://id.test", client_id="x", admin_group="admins"))
    pytest.importorskip("ldap3")
    with pytest.raises(DirectorySettingsError, match="group-base"):
        opened(ldap=Ldap(url="ldaps://x.test", base="dc=x", admin_group="admins"))


def test_without_settings_there_is_no_such_login(place: Place) -> None:
    assert place.call("GET", "/login/oidc").status == 404
