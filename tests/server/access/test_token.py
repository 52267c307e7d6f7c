"""`/token`, as docker, containerd, skopeo, crane and their like use it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from dockyard.server.access import keys, scope, tokens
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.scope import Wanted
from making.calls import basic

from .conftest import PASSWORD, Place

SCOPE = "repository:team/web:pull,push"


@pytest.fixture
def dev(place: Place) -> str:
    place.project("team")
    return place.user("dev", project="team", role="developer")


def claims(token: str) -> dict[str, Any]:
    import base64

    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_the_answer_has_what_the_specification_says(place: Place, dev: str) -> None:
    answer = place.call("GET", f"/token?service=dockyard&scope={SCOPE}&account=dev&client_id=docker", auth=dev)
    found = answer.document
    assert answer.headers["cache-control"] == "no-store"
    assert found["token"] == found["access_token"]
    assert found["expires_in"] == 300
    assert abs(time.mktime(time.strptime(found["issued_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - time.time()) < 90
    assert "refresh_token" not in found
    said = claims(found["token"])
    assert said["access"] == [{"type": "repository", "name": "team/web", "actions": ["pull", "push"]}]
    assert (said["iss"], said["aud"], said["sub"]) == ("dockyard", "dockyard", "dev")


def test_what_is_not_allowed_is_left_out_and_no_error(place: Place, dev: str) -> None:
    scopes = [
        "repository:team/web:pull,push,delete",
        "repository:team/all:*",
        "repository:other/web:pull",
        "repository:host:5000/team/web:pull",
        "repository(plugin):team/plug:pull",
        "registry:catalog:*",
        "registry:other:*",
        "nonsense",
        "repository:team/web",
        "a:b:c",
    ]
    answer = place.call(
        "GET", "/token?scope=" + "&scope=".join(scopes[:5]) + "&scope=" + "%20".join(scopes[5:]), auth=dev
    )
    assert claims(answer.document["token"])["access"] == [
        {"type": "repository", "name": "team/web", "actions": ["pull", "push"]},
        {"type": "repository", "name": "team/all", "actions": ["pull", "push"]},
        {"type": "repository", "name": "team/plug", "actions": ["pull"]},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
    ]
    many = "&".join(f"scope=repository:team/r{number}:pull" for number in range(scope.MOST + 1))
    assert place.call("GET", f"/token?{many}", auth=dev).status == 400


def test_names_may_have_colons_of_their_own() -> None:
    assert scope.parse(["repository:host:5000/a/b:pull,push registry:catalog:*"]) == [
        Wanted("repository", "host:5000/a/b", frozenset({"pull", "push"})),
        Wanted("registry", "catalog", frozenset({"*"})),
    ]


def test_a_login_without_scope_and_without_credentials(place: Place, dev: str) -> None:
    for auth in (dev, ""):
        token = "Bearer " + place.call("GET", "/token?service=dockyard", auth=auth).document["token"]
        assert place.call("GET", "/v2/", auth=token).status == 200
        assert place.call("GET", "/v2/team/web/tags/list", auth=token).status == 401


@pytest.mark.parametrize("auth", [basic("dev", "wrong"), basic("none", "wrong"), "Basic x", "Bearer x"])
def test_wrong_credentials_get_401_from_get_and_post(place: Place, dev: str, auth: str) -> None:
    answer = place.call("GET", f"/token?scope={SCOPE}", auth=auth)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    words = {"grant_type": "password", "username": "dev", "password": "wrong", "service": "dockyard"}
    answer = place.call.form("/token", words)
    assert (answer.status, answer.document["error"]) == (401, "invalid_grant")


def test_the_grant_types_of_oauth(place: Place, dev: str) -> None:
    words = {"grant_type": "password", "username": "dev", "password": PASSWORD, "service": "dockyard", "client_id": "c"}
    first = place.call.form("/token", {**words, "scope": f"{SCOPE} repository:team/two:pull"})
    assert first.status == 200
    assert len(claims(first.document["access_token"])["access"]) == 2
    assert "refresh_token" not in first.document
    lasting = place.call.form("/token", {**words, "access_type": "offline", "scope": SCOPE}).document["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": lasting, "client_id": "c", "scope": SCOPE}
    answer = place.call.form("/token", again)
    assert answer.document["refresh_token"] == lasting
    place.image("team/web", auth="Bearer " + answer.document["access_token"])
    other = place.call("GET", "/token?offline_token=true", auth=dev).document["refresh_token"]
    assert other != lasting
    assert place.call.form("/token", {**again, "refresh_token": other}).status == 200
    assert place.call.form("/token", {"grant_type": "client_credentials"}).document["error"] == "unsupported_grant_type"
    assert place.call.form("/token", {}).status == 400
    assert place.call("PUT", "/token").status == 405
    assert place.call("POST", "/token", body=b"x" * 70_000).status == 413
    assert place.call("POST", "/token", body=b"\xff\xfe=1").status == 400
    assert "refresh_token" not in place.call("GET", "/token?offline_token=true").document


def test_a_token_buys_no_more_than_itself(place: Place, dev: str) -> None:
    first = place.token(dev, "repository:team/web:pull")
    wider = place.call("GET", f"/token?scope={SCOPE}&scope=registry:catalog:*&offline_token=true", auth=first).document
    assert claims(wider["token"])["access"] == [{"type": "repository", "name": "team/web", "actions": ["pull"]}]
    assert claims(wider["token"])["exp"] <= claims(first.removeprefix("Bearer "))["exp"]
    assert "refresh_token" not in wider


def test_forged_tokens_are_refused(place: Place, dev: str) -> None:
    genuine = place.token(dev, SCOPE).removeprefix("Bearer ")
    said = claims(genuine)
    name, key = place.doors.login.keys.signing()
    other = ECKey.generate_key("P-256")

    def signed(with_key: Any = key, header: dict[str, Any] | None = None, **changes: Any) -> str:
        return jwt.encode(header or {"alg": "ES256", "kid": name}, {**said, **changes}, with_key, algorithms=["ES256"])

    head, body, signature = genuine.split(".")
    check: Callable[[str], int] = lambda token: place.call("GET", "/v2/", auth=f"Bearer {token}").status  # noqa: E731
    assert check(signed()) == 200
    forged = {
        "another key": signed(other),
        "an unknown key": signed(header={"alg": "ES256", "kid": "x"}),
        "no key": signed(header={"alg": "ES256"}),
        "another service": signed(aud="other"),
        "another issuer": signed(iss="other"),
        "over": signed(exp=int(time.time()) - 1),
        "yet to come": signed(nbf=int(time.time()) + 60),
        "the system": signed(proof=["system", 0, ""]),
        "nobody known": signed(proof=["king", 0, ""]),
        "no proof": signed(proof=None),
        "another stamp": signed(proof=["account", said["proof"][1], "x"]),
        "another account": signed(proof=["account", 999, said["proof"][2]]),
        "odd access": signed(access=[1]),
        "without a signature": f"{head}.{body}.",
        "another body": f"{head}.{body[:-2]}AA.{signature}",
    }
    assert {why: check(token) for why, token in forged.items()} == dict.fromkeys(forged, 401)


def test_a_new_signing_key_lets_tokens_of_the_one_before_live_on(
    place: Place, dev: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockyard.server.access.keys._AGAIN_S", 0.0)
    before = place.token(dev)
    keys.rotate(place.database, SYSTEM)
    fresh = keys.Keys(place.database)
    assert fresh.signing()[0] != place.doors.login.keys.signing()[0]
    assert tokens.read(fresh, "dockyard", before.removeprefix("Bearer ")).proof.kind == "account"
    keys.rotate(place.database, SYSTEM)
    with pytest.raises(tokens.TokenInvalidError):
        tokens.read(keys.Keys(place.database), "dockyard", before.removeprefix("Bearer "))


def test_two_processes_share_one_key(place: Place) -> None:
    assert keys.Keys(place.database).signing()[0] == keys.Keys(place.database).signing()[0]
