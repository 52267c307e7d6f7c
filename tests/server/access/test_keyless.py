"""A CI job's identity token becomes a short-lived token, by rule."""

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from dockyard.server.access import keyless
from dockyard.server.access.endpoint import EXCHANGE
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.schema.events import EVENT
from making.calls import Answer, basic
from making.provider import Provider

from .conftest import Place

AUDIENCE = "https://registry.test"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    made.claims = {
        "sub": "repo:acme/web:ref:refs/heads/main",
        "aud": AUDIENCE,
        "repository": "acme/web",
        "ref": "refs/heads/main",
        "run_attempt": 1,
    }
    yield made
    made.close()


@pytest.fixture
def job(place: Place, provider: Provider) -> Place:
    place.project("team")
    keyless.add(
        place.database,
        SYSTEM,
        "team",
        "web-main",
        issuer=provider.issuer,
        audience=AUDIENCE,
        claims={"repository": "acme/web", "ref": "refs/heads/*"},
        permissions=[Permission(("team/web", "away/**"), frozenset({"pull", "push"}))],
        lifetime=600,
    )
    return place


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def exchange(place: Place, token: str, **more: Any) -> Answer:
    words = {"grant_type": EXCHANGE, "subject_token": token, **more}
    return place.call.form("/token", words)


def test_a_job_pushes_with_what_it_gets_and_only_where_the_rule_says(job: Place, provider: Provider) -> None:
    answer = exchange(job, provider.token())
    assert answer.status == 200, answer.body
    assert answer.document["token_type"] == "Bearer"
    assert 590 <= answer.document["expires_in"] <= 600
    token = answer.document["access_token"]
    job.image("team/web", auth=f"Bearer {token}")
    # Clients that know only names and passwords use it as a password.
    job.image("team/web", "2", auth=basic("ci", token))
    through = job.token(basic("ci", token), "repository:team/web:pull,push,delete", "repository:team/other:push")
    job.image("team/web", "3", auth=through)
    assert job.call("DELETE", "/v2/team/web/manifests/1", auth=through).status == 403
    for name in ("team/other", "away/web"):
        assert job.call("POST", f"/v2/{name}/blobs/uploads/", auth=f"Bearer {token}").status == 403
    keyless.change(job.database, SYSTEM, "web-main", disabled=True)
    assert job.call("GET", "/v2/team/web/manifests/1", auth=f"Bearer {token}").status == 401


def test_a_scope_narrows_it(job: Place, provider: Provider) -> None:
    answer = exchange(job, provider.token(), scope="repository:team/web:pull")
    auth = f"Bearer {answer.document['access_token']}"
    refused = job.call("POST", "/v2/team/web/blobs/uploads/", auth=auth)
    assert refused.status == 401
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "acme/other"},
        {"repository": "evil/acme/web"},
        {"ref": "refs/heads/a/b"},
        {"ref": None},
        {"ref": ["refs/heads/main"]},
        {"aud": "https://another.test"},
        {"aud": None},
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"exp": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": "https://evil.example"},
    ],
    ids=str,
)
def test_a_token_that_does_not_fit_gets_nothing(job: Place, provider: Provider, claims: dict[str, Any]) -> None:
    answer = exchange(job, provider.token(**claims))
    assert (answer.status, answer.document["error"]) == (401, "invalid_grant")


def test_several_audiences_and_numbers_fit(job: Place, provider: Provider) -> None:
    keyless.add(
        job.database,
        SYSTEM,
        "",
        "first",
        issuer=provider.issuer,
        audience="other",
        claims={"run_attempt": "1"},
        permissions=[Permission(("**",), frozenset({"pull"}))],
    )
    assert exchange(job, provider.token(aud=[AUDIENCE, "x"])).status == 200
    assert exchange(job, provider.token(aud=["other"], ref="x")).status == 200
    assert exchange(job, provider.token(aud=["other"], ref="x", run_attempt=2)).status == 401


def test_forgeries_are_refused_and_strangers_are_never_asked(job: Place, provider: Provider) -> None:
    genuine = provider.token()
    head, body, signature = genuine.split(".")
    # The public key taken for a shared secret.
    shared = b64(json.dumps({"alg": "HS256", "kid": provider.key.kid}).encode()) + "." + body
    mac = hmac.new(provider.key.as_pem(private=False), shared.encode(), "sha256").digest()
    forged = [
        f"{shared}.{b64(mac)}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"eyJhbGciOiJub25lIn0.{body}.",
        "x",
        "a.b.c",
        "..",
        "",
        genuine * 40,
    ]
    for token in forged:
        assert exchange(job, token, subject_token_type="urn:ietf:params:oauth:token-type:jwt").status == 401, token[:40]
    asked = list(provider.seen)
    assert exchange(job, provider.token(iss=provider.issuer + "/other")).status == 401
    assert provider.seen == asked
    wrong = exchange(job, genuine, subject_token_type="urn:ietf:params:oauth:token-type:saml2")
    assert wrong.status == 400


def test_an_issuer_that_is_away_is_a_passing_fault(job: Place, provider: Provider) -> None:
    token = provider.token()
    provider.close()
    provider.close = lambda: None  # type: ignore[method-assign]
    assert exchange(job, token).status == 503


def test_an_issuer_that_says_it_is_another_is_not_believed(job: Place, provider: Provider) -> None:
    token = provider.token()
    provider.named = "https://somebody.else"
    assert exchange(job, token).status == 503


def test_a_job_that_is_set_up_wrong_locks_nobody_out_who_shares_its_address(job: Place, provider: Provider) -> None:
    ada = job.user("ada")
    for _ in range(60):
        assert exchange(job, provider.token(repository="acme/other")).status == 401
        assert (
            job.call.form("/token", {"grant_type": "refresh_token", "refresh_token": "dyf_" + "x" * 43}).status == 401
        )
    assert exchange(job, provider.token()).status == 200
    assert job.call("GET", "/v2/", auth=ada).status == 200


def test_a_project_sees_which_jobs_came_in(job: Place, provider: Provider) -> None:
    assert exchange(job, provider.token()).status == 200
    with job.database.read() as connection:
        used = connection.execute(select(EVENT).where(EVENT.c.kind == "keyless.use")).all()
    assert [(each.project, each.reference) for each in used] == [("team", "web-main")]
    assert json.loads(used[0].detail)["subject"] == "repo:acme/web:ref:refs/heads/main"


def test_the_refusal_says_whether_audience_or_claims_do_not_fit(job: Place, provider: Provider) -> None:
    said = [
        exchange(job, provider.token(**each)).document["error_description"] for each in ({"aud": "x"}, {"ref": "x"})
    ]
    assert said == [
        "no rule for the token's issuer has its audience",
        "no rule for the token's issuer and audience fits its claims",
    ]
