"""Every kind of caller against every operation of the API, in both directions."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dockyard.policy.settings import Policy
from dockyard.server.access import groups, keyless, members, personal, robots, tries, users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.access.roles import ROLES
from dockyard.server.api.application import operations
from dockyard.server.replication import endpoints, replicate
from dockyard.server.replication import rules as replication
from dockyard.server.rules import labelled, labels, retention_rules, tag_rules
from dockyard.server.trust.exempting import exempt
from dockyard.server.trust.settings import ProjectPolicy, set_policy
from dockyard.server.webhooks import kept, trial
from dockyard.server.webhooks.settings import Webhooks
from making.calls import Answer, basic

from .conftest import PASSWORD, Place, places

pytestmark = pytest.mark.slow

ADMIN, ANYONE, SELF, KNOWN = "admin", "anyone", "self", "known"
ORDER = (*ROLES, ADMIN)
PROJECT, REPOSITORY = "/projects/{project}", "/repositories/{project}:web"
ARTIFACT = REPOSITORY + "/artifacts/{digest}"
HOOK, COPIES = "/webhooks/{hook}", "/replication/rules/copies-{project}"
ELSEWHERE = "/replication/endpoints/to-{project}"
ALLOW = [{"actions": ["pull"]}]
KEYLESS = {"issuer": "https://ci.test", "audience": "us", "claims": {"a": "b"}, "permissions": ALLOW}


class Row(NamedTuple):
    """An operation: the least role that may do it (`admin` for system admins, `self` for the account that it is about,
    `known` for whoever is logged in, `anyone` for everybody), and a body.
    """

    least: str
    path: str
    body: Any = None


TABLE: dict[tuple[str, str], Row] = {
    ("GET", "/health"): Row(ANYONE, "/health"),
    ("GET", "/me"): Row(ANYONE, "/me"),
    ("GET", "/system"): Row(ADMIN, "/system"),
    ("GET", "/storage"): Row(ADMIN, "/storage"),
    ("POST", "/storage/verify"): Row(ADMIN, "/storage/verify", {}),
    ("GET", "/mirrors"): Row(ADMIN, "/mirrors"),
    ("GET", "/search"): Row(ANYONE, "/search?q=team"),
    ("GET", "/advisories"): Row(ADMIN, "/advisories"),
    ("GET", "/advisories/{advisory}/images"): Row(ANYONE, "/advisories/CVE-2026-1/images"),
    ("GET", "/projects"): Row(ANYONE, "/projects"),
    ("POST", "/projects"): Row(ADMIN, "/projects", {"name": "new-{project}"}),
    ("GET", "/projects/{project}"): Row("limited-guest", PROJECT),
    ("PATCH", "/projects/{project}"): Row("project-admin", PROJECT, {"public": False}),
    ("DELETE", "/projects/{project}"): Row("project-admin", PROJECT + "?force=true"),
    ("GET", "/repositories"): Row(ANYONE, "/repositories"),
    ("GET", "/repositories/{repository}"): Row("limited-guest", REPOSITORY),
    ("PATCH", "/repositories/{repository}"): Row("maintainer", REPOSITORY, {"description": "for all"}),
    ("DELETE", "/repositories/{repository}"): Row("maintainer", REPOSITORY),
    ("POST", "/repositories/{repository}/artifacts/{reference}/copy"): Row(
        "developer", ARTIFACT + "/copy", {"repository": "{project}/copy"}
    ),
    ("POST", "/repositories/{repository}/removal"): Row("maintainer", REPOSITORY + "/removal", {"references": ["1"]}),
    ("POST", "/repositories/{repository}/removal/dry-run"): Row(
        "maintainer", REPOSITORY + "/removal/dry-run", {"references": ["1"]}
    ),
    ("GET", "/repositories/{repository}/tags"): Row("limited-guest", REPOSITORY + "/tags"),
    ("PUT", "/repositories/{repository}/tags/{tag}"): Row("developer", REPOSITORY + "/tags/2", {"digest": "{digest}"}),
    ("DELETE", "/repositories/{repository}/tags/{tag}"): Row("maintainer", REPOSITORY + "/tags/1"),
    ("GET", "/repositories/{repository}/artifacts"): Row("limited-guest", REPOSITORY + "/artifacts"),
    ("GET", "/repositories/{repository}/artifacts/{reference}"): Row("limited-guest", ARTIFACT),
    ("DELETE", "/repositories/{repository}/artifacts/{reference}"): Row("maintainer", ARTIFACT),
    ("GET", "/repositories/{repository}/artifacts/{reference}/layers"): Row("limited-guest", ARTIFACT + "/layers"),
    ("GET", "/repositories/{repository}/artifacts/{reference}/referrers"): Row(
        "limited-guest", ARTIFACT + "/referrers"
    ),
    ("GET", "/repositories/{repository}/artifacts/{reference}/packages"): Row("limited-guest", ARTIFACT + "/packages"),
    ("GET", "/repositories/{repository}/artifacts/{reference}/findings"): Row("limited-guest", ARTIFACT + "/findings"),
    ("GET", "/repositories/{repository}/artifacts/{reference}/verdict"): Row("limited-guest", ARTIFACT + "/verdict"),
    ("POST", "/repositories/{repository}/artifacts/{reference}/scan"): Row("maintainer", ARTIFACT + "/scan"),
    ("DELETE", "/repositories/{repository}/artifacts/{reference}/scan"): Row("maintainer", ARTIFACT + "/scan"),
    ("GET", "/labels"): Row(KNOWN, "/labels"),
    ("POST", "/labels"): Row(ADMIN, "/labels", {"name": "new {project}", "color": "#A0b1c2"}),
    ("GET", "/labels/{number}"): Row("guest", "/labels/{label}"),
    ("PATCH", "/labels/{number}"): Row("maintainer", "/labels/{label}", {"description": "x"}),
    ("DELETE", "/labels/{number}"): Row("maintainer", "/labels/{label}"),
    ("GET", "/projects/{project}/labels"): Row("guest", PROJECT + "/labels"),
    ("POST", "/projects/{project}/labels"): Row("maintainer", PROJECT + "/labels", {"name": "new"}),
    ("PUT", "/repositories/{repository}/artifacts/{reference}/labels/{number}"): Row(
        "developer", ARTIFACT + "/labels/{of_all}"
    ),
    ("DELETE", "/repositories/{repository}/artifacts/{reference}/labels/{number}"): Row(
        "developer", ARTIFACT + "/labels/{label}"
    ),
    ("GET", "/projects/{project}/findings/export.csv"): Row("developer", PROJECT + "/findings/export.csv"),
    ("GET", "/projects/{project}/members"): Row("guest", PROJECT + "/members"),
    ("PUT", "/projects/{project}/members/{kind}/{member}"): Row(
        "project-admin", PROJECT + "/members/user/other-{project}", {"role": "guest"}
    ),
    ("DELETE", "/projects/{project}/members/{kind}/{member}"): Row(
        "project-admin", PROJECT + "/members/user/other-{project}"
    ),
    ("GET", "/groups"): Row(ADMIN, "/groups"),
    ("POST", "/groups"): Row(ADMIN, "/groups", {"name": "g-{project}"}),
    ("PATCH", "/groups/{group}"): Row(ADMIN, "/groups/crew-{project}", {"join": ["other-{project}"]}),
    ("DELETE", "/groups/{group}"): Row(ADMIN, "/groups/crew-{project}"),
    ("GET", "/users"): Row(ADMIN, "/users"),
    ("POST", "/users"): Row(ADMIN, "/users", {"name": "u-{project}", "password": PASSWORD}),
    ("GET", "/users/{user}"): Row(SELF, "/users/self"),
    ("PATCH", "/users/{user}"): Row(SELF, "/users/self", {"email": "self@test"}),
    ("DELETE", "/users/{user}"): Row(ADMIN, "/users/other-{project}"),
    ("GET", "/lockouts"): Row(ADMIN, "/lockouts"),
    ("POST", "/lockouts/lift"): Row(ADMIN, "/lockouts/lift", {"kind": "address", "subject": "2001:db8::7"}),
    ("GET", "/users/{user}/tokens"): Row(SELF, "/users/self/tokens"),
    ("POST", "/users/{user}/tokens"): Row(SELF, "/users/self/tokens", {"name": "mine-{project}"}),
    ("DELETE", "/users/{user}/tokens/{token}"): Row(SELF, "/users/self/tokens/old-{project}"),
    ("GET", "/projects/{project}/robots"): Row("guest", PROJECT + "/robots"),
    ("POST", "/projects/{project}/robots"): Row(
        "project-admin", PROJECT + "/robots", {"name": "new", "permissions": ALLOW}
    ),
    ("GET", "/robots"): Row(ADMIN, "/robots"),
    ("POST", "/robots"): Row(ADMIN, "/robots", {"name": "r-{project}", "permissions": ALLOW}),
    ("GET", "/robots/{robot}"): Row("guest", "/robots/robot+{project}+ci"),
    ("PATCH", "/robots/{robot}"): Row("project-admin", "/robots/robot+{project}+ci", {"disabled": False}),
    ("POST", "/robots/{robot}/secret"): Row("project-admin", "/robots/robot+{project}+ci/secret"),
    ("DELETE", "/robots/{robot}"): Row("project-admin", "/robots/robot+{project}+ci"),
    ("GET", "/projects/{project}/keyless"): Row("project-admin", PROJECT + "/keyless"),
    ("POST", "/projects/{project}/keyless"): Row(
        "project-admin", PROJECT + "/keyless", {"name": "k-{project}", **KEYLESS}
    ),
    ("GET", "/keyless"): Row(ADMIN, "/keyless"),
    ("POST", "/keyless"): Row(ADMIN, "/keyless", {"name": "s-{project}", **KEYLESS}),
    ("PATCH", "/keyless/{rule}"): Row("project-admin", "/keyless/{project}-ci", {"disabled": False}),
    ("DELETE", "/keyless/{rule}"): Row("project-admin", "/keyless/{project}-ci"),
    ("GET", "/projects/{project}/tag-rules"): Row("maintainer", PROJECT + "/tag-rules"),
    ("POST", "/projects/{project}/tag-rules"): Row(
        "maintainer", PROJECT + "/tag-rules", {"kind": "refused", "tags": "latest"}
    ),
    ("DELETE", "/projects/{project}/tag-rules/{number}"): Row("maintainer", PROJECT + "/tag-rules/{rule}"),
    ("GET", "/projects/{project}/retention"): Row("developer", PROJECT + "/retention"),
    ("POST", "/projects/{project}/retention/rules"): Row(
        "developer", PROJECT + "/retention/rules", {"keep": "latest-pushed", "amount": 3}
    ),
    ("DELETE", "/projects/{project}/retention/rules/{number}"): Row("developer", PROJECT + "/retention/rules/{keep}"),
    ("PUT", "/projects/{project}/retention/schedule"): Row("developer", PROJECT + "/retention/schedule", {"hours": 24}),
    ("POST", "/projects/{project}/retention/dry-run"): Row("developer", PROJECT + "/retention/dry-run"),
    ("POST", "/projects/{project}/retention/run"): Row("developer", PROJECT + "/retention/run"),
    ("GET", "/projects/{project}/retention/runs"): Row("developer", PROJECT + "/retention/runs"),
    ("GET", "/quotas"): Row(ADMIN, "/quotas"),
    ("GET", "/projects/{project}/quota"): Row("limited-guest", PROJECT + "/quota"),
    ("PUT", "/projects/{project}/quota"): Row(ADMIN, PROJECT + "/quota", {"most": 10**9}),
    ("GET", "/projects/{project}/policy"): Row("limited-guest", PROJECT + "/policy"),
    ("PUT", "/projects/{project}/policy"): Row("project-admin", PROJECT + "/policy", {"warn": True}),
    ("DELETE", "/projects/{project}/policy"): Row("project-admin", PROJECT + "/policy"),
    ("POST", "/projects/{project}/policy/test"): Row(
        "project-admin", PROJECT + "/policy/test", {"repository": "{project}/web", "reference": "1"}
    ),
    ("GET", "/projects/{project}/exemptions"): Row("limited-guest", PROJECT + "/exemptions"),
    ("POST", "/projects/{project}/exemptions"): Row(
        "project-admin", PROJECT + "/exemptions", {"subject": "CVE-2026-1", "reason": "not reached"}
    ),
    ("DELETE", "/projects/{project}/exemptions/{number}"): Row("project-admin", PROJECT + "/exemptions/{exemption}"),
    ("GET", "/exemptions"): Row(ADMIN, "/exemptions"),
    ("POST", "/exemptions"): Row(ADMIN, "/exemptions", {"subject": "CVE-2026-2", "reason": "not reached"}),
    ("DELETE", "/exemptions/{number}"): Row(ADMIN, "/exemptions/{everywhere}"),
    ("GET", "/webhooks"): Row(ADMIN, "/webhooks"),
    ("POST", "/webhooks"): Row(ADMIN, "/webhooks", {"url": "https://all.test/"}),
    ("GET", "/projects/{project}/webhooks"): Row("maintainer", PROJECT + "/webhooks"),
    ("POST", "/projects/{project}/webhooks"): Row(
        "project-admin", PROJECT + "/webhooks", {"url": "https://{project}.test/"}
    ),
    ("GET", "/webhooks/{number}"): Row("maintainer", HOOK),
    ("PATCH", "/webhooks/{number}"): Row("project-admin", HOOK, {"active": False}),
    ("DELETE", "/webhooks/{number}"): Row("project-admin", HOOK),
    ("POST", "/webhooks/{number}/test"): Row("project-admin", HOOK + "/test"),
    ("GET", "/webhooks/{number}/deliveries"): Row("maintainer", HOOK + "/deliveries"),
    ("GET", "/webhooks/{number}/deliveries/{delivery}"): Row("maintainer", HOOK + "/deliveries/{delivery}"),
    ("POST", "/webhooks/{number}/deliveries/{delivery}/redeliver"): Row(
        "project-admin", HOOK + "/deliveries/{delivery}/redeliver"
    ),
    ("GET", "/replication/endpoints"): Row(ADMIN, "/replication/endpoints"),
    ("POST", "/replication/endpoints"): Row(
        ADMIN, "/replication/endpoints", {"name": "new-{project}", "registry": "other.test"}
    ),
    ("GET", "/replication/endpoints/{endpoint}"): Row(ADMIN, ELSEWHERE),
    ("PATCH", "/replication/endpoints/{endpoint}"): Row(ADMIN, ELSEWHERE, {"description": "x"}),
    ("DELETE", "/replication/endpoints/{endpoint}"): Row(ADMIN, ELSEWHERE),
    ("POST", "/replication/endpoints/{endpoint}/ping"): Row(ADMIN, ELSEWHERE + "/ping"),
    ("GET", "/replication/rules"): Row(ADMIN, "/replication/rules"),
    ("POST", "/replication/rules"): Row(
        ADMIN, "/replication/rules", {"name": "new-{project}", "direction": "push", "registry": "other.test"}
    ),
    ("GET", "/replication/rules/{rule}"): Row(ADMIN, COPIES),
    ("PATCH", "/replication/rules/{rule}"): Row(ADMIN, COPIES, {"active": False}),
    ("DELETE", "/replication/rules/{rule}"): Row(ADMIN, COPIES),
    ("POST", "/replication/rules/{rule}/run"): Row(ADMIN, COPIES + "/run"),
    ("POST", "/replication/rules/{rule}/dry-run"): Row(ADMIN, COPIES + "/dry-run"),
    ("GET", "/replication/runs"): Row(ADMIN, "/replication/runs"),
    ("GET", "/replication/runs/{number}"): Row(ADMIN, "/replication/runs/{run}"),
    ("GET", "/replication/runs/{number}/errors"): Row(ADMIN, "/replication/runs/{run}/errors"),
    ("POST", "/replication/runs/{number}/cancel"): Row(ADMIN, "/replication/runs/{run}/cancel"),
    ("GET", "/scanning"): Row(ADMIN, "/scanning"),
    ("PUT", "/scanning"): Row(ADMIN, "/scanning", {"schedule": "24h", "rematch": True}),
    ("POST", "/scanning/run"): Row(ADMIN, "/scanning/run", {}),
    ("GET", "/jobs"): Row(ADMIN, "/jobs"),
    ("POST", "/jobs"): Row(ADMIN, "/jobs", {"task": "sweep"}),
    ("GET", "/jobs/{number}"): Row(ADMIN, "/jobs/{job}"),
    ("POST", "/jobs/{number}/cancel"): Row(ADMIN, "/jobs/{job}/cancel"),
    ("GET", "/events"): Row(ADMIN, "/events"),
    ("GET", "/events/export.jsonl"): Row(ADMIN, "/events/export.jsonl"),
    ("GET", "/events/export.csv"): Row(ADMIN, "/events/export.csv"),
    ("GET", "/events/proof"): Row(ADMIN, "/events/proof"),
    ("GET", "/events/pruning"): Row(ADMIN, "/events/pruning"),
    ("PUT", "/events/pruning"): Row(ADMIN, "/events/pruning", {"schedule": "24h", "hours": 2160, "keep": ["push"]}),
    ("POST", "/events/pruning/dry-run"): Row(ADMIN, "/events/pruning/dry-run", {"hours": 2160}),
    ("POST", "/events/pruning/run"): Row(ADMIN, "/events/pruning/run", {"hours": 2160}),
    ("GET", "/projects/{project}/events"): Row("project-admin", PROJECT + "/events"),
    ("GET", "/projects/{project}/events/export.csv"): Row("project-admin", PROJECT + "/events/export.csv"),
    ("GET", "/projects/{project}/events/export.jsonl"): Row("project-admin", PROJECT + "/events/export.jsonl"),
}
# What those who have no role in the project may do of what a role is needed for: nothing.
OUTSIDE = ("anonymous", "stranger", "admin elsewhere", "robot elsewhere", "narrow token")


def test_the_table_knows_every_operation_of_the_api() -> None:
    assert {(method, "/api/v1" + path) for method, path in TABLE} == set(operations())


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, dict[str, str]]]:
    """A registry, and an Authorization header for each kind of caller."""
    with places(tmp_path_factory.mktemp("matrix")) as make:
        place = make()
        place.user("root", admin=True)
        yield place, _callers(place)


def _callers(place: Place) -> dict[str, str]:
    found = {"anonymous": "", "stranger": place.user("stranger"), ADMIN: basic("root", PASSWORD)}
    place.project("away")
    found["admin elsewhere"] = place.user("elsewhere", project="away", role="project-admin")
    made, secret = robots.add(database := place.database, SYSTEM, "away", "x", [Permission((), frozenset({"pull"}))])
    found["robot elsewhere"] = basic(made.name, secret)
    for role in ROLES:
        found[role] = place.user(role)
    found["self"] = place.user("self")
    answer = place.call("GET", "/token?service=dockyard&scope=repository:away/x:pull", auth=found[ADMIN])
    found["narrow token"] = "Bearer " + str(answer.document["token"])
    _, secret = personal.add(database, SYSTEM, "project-admin", "reads", scope="read-only")
    found["read-only token"] = basic("project-admin", secret)
    return found


def _fresh(place: Place, project: str) -> dict[str, str]:
    """A project with one of everything; what paths and bodies call them."""
    database = place.database
    place.project(project)
    other = f"other-{project}"
    users.add(database, SYSTEM, other, source="ldap")
    for role in ROLES:
        members.put(database, SYSTEM, project, role, role)
    members.put(database, SYSTEM, project, other, "guest")
    groups.add(database, SYSTEM, f"crew-{project}")
    for each in personal.listing(database, SYSTEM, "self"):
        personal.remove(database, SYSTEM, "self", each.name)
    personal.add(database, SYSTEM, "self", f"old-{project}")
    found = {"project": project, "digest": place.image(f"{project}/web")}
    robots.add(database, SYSTEM, project, "ci", [Permission((), frozenset({"pull", "push"}))])
    rule = {"issuer": "https://ci.test", "audience": "us", "claims": {"a": "b"}}
    keyless.add(database, SYSTEM, project, f"{project}-ci", permissions=[Permission((), frozenset({"pull"}))], **rule)  # type: ignore[arg-type]
    found["rule"] = str(tag_rules.add(database, project, "refused", "nightly").number)
    found["keep"] = str(retention_rules.add(database, project, "always").number)
    found["label"] = str(labels.add(database, project, "approved").number)
    found["of_all"] = str(labels.add(database, "", f"of all {project}").number)
    labelled.put(database, f"{project}/web", found["digest"], int(found["label"]))
    found["exemption"] = str(exempt(database, project, "CVE-2025-1", "old", None))
    found["everywhere"] = str(exempt(database, "", "CVE-2025-2", "old", None))
    set_policy(database, project, ProjectPolicy(Policy()))
    hook, _ = kept.add(database, place.instance.seal, f"http://127.0.0.1:9/{project}", project=project)
    found["hook"] = str(hook.number)
    found["delivery"] = str(trial.test(database, place.instance.seal, Webhooks(), "", hook.number).number)
    # The source has no repository of that name, so that nobody has to ask the other registry.
    copies = replication.Rule(0, f"copies-{project}", "push", "127.0.0.1:9", f"{project}/none")
    found["run"] = str(replicate.ask(database, replication.add(database, place.instance.seal, copies)))
    endpoints.add(database, place.instance.seal, endpoints.Endpoint(0, f"to-{project}", "127.0.0.1:9"))
    tries.failed(database, "", "2001:db8::1", most=0, lock=30)
    found["job"] = str(place.instance.jobs.defer("sweep", key=""))
    return found


def _filled(thing: Any, names: dict[str, str]) -> Any:
    text = json.dumps(thing)
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return json.loads(text)


@pytest.mark.parametrize("key", list(TABLE), ids=" ".join)
def test_every_caller_may_do_what_its_role_says_and_nothing_else(
    team: tuple[Place, dict[str, str]], key: tuple[str, str]
) -> None:
    place, headers = team
    method, row = key[0], TABLE[key]
    names = _fresh(place, f"team-{list(TABLE).index(key)}")
    path, body = _filled(row.path, names), _filled(row.body, names)

    def ask(caller: str) -> Answer:
        return place.api(method, path, body, auth=headers[caller])

    anyone = row.least in (ANYONE, KNOWN)
    for caller in OUTSIDE:
        answer = ask(caller)
        if row.least == ANYONE or (row.least == KNOWN and caller != "anonymous"):
            assert answer.status == 200, (caller, answer.body)
        else:
            assert answer.status in ((401,) if caller == "anonymous" else (403, 404)), (caller, answer.status)
            assert set(answer.document["error"]) == {"reference", "message", "hint", "context", "status"}
            assert answer.document["error"]["hint"], (caller, answer.body)
    if not anyone and method != "GET":
        assert ask("read-only token").status in (403, 404)
    succeeded = False
    for caller in ("self", *ORDER):
        if caller == "self":
            may = row.least in (SELF, ANYONE, KNOWN)
        elif row.least in (SELF, ANYONE, KNOWN):
            may = anyone or caller == ADMIN
        else:
            may = ORDER.index(caller) >= ORDER.index(row.least)
        answer = ask(caller)
        assert answer.status < 500, (caller, answer.body)
        # Who has a role is let through though what it asks for may be gone since the caller before.
        passed = answer.status < 300 if caller == "self" else answer.status not in (401, 403)
        assert passed == may, (caller, answer.status, answer.body)
        if may and not succeeded:
            assert answer.status in (200, 201, 202, 204), (caller, answer.status, answer.body)
            succeeded = True
    assert succeeded


def test_anybody_reads_a_public_project_and_changes_nothing(team: tuple[Place, dict[str, str]]) -> None:
    place, headers = team
    names = _fresh(place, "open")
    place.api("PATCH", "/projects/open", {"public": True}, auth=headers[ADMIN])
    readable = {
        key for key in TABLE if key[0] == "GET" and (key[1] == "/projects/{project}" or "{repository}" in key[1])
    }
    assert len(readable) == 10
    for caller in ("anonymous", "stranger", "robot elsewhere"):
        for key, row in TABLE.items():
            if row.least in (ANYONE, SELF, KNOWN):
                continue
            answer = place.api(key[0], _filled(row.path, names), _filled(row.body, names), auth=headers[caller])
            may = key in readable or (key == ("GET", "/projects/{project}/policy") and caller != "anonymous")
            assert (answer.status == 200) == may, (caller, key, answer.status, answer.body)


def test_a_robot_sees_the_repositories_that_it_may_pull_and_manages_nothing(
    team: tuple[Place, dict[str, str]],
) -> None:
    place, _ = team
    names = _fresh(place, "robots")
    place.image("away/web")
    made, secret = robots.add(place.database, SYSTEM, "robots", "all", [Permission((), frozenset({"pull", "push"}))])
    auth = basic(made.name, secret)
    found = place.api("GET", "/repositories?project=robots", auth=auth).document
    assert [each["name"] for each in found] == ["robots/web"]
    assert place.api("GET", "/repositories?project=away", auth=auth).document == []
    for key, row in TABLE.items():
        answer = place.api(key[0], _filled(row.path, names), _filled(row.body, names), auth=auth)
        pulls = key[0] == "GET" and "{repository}" in key[1]
        pushes = key in (
            ("PUT", "/repositories/{repository}/tags/{tag}"),
            ("POST", "/repositories/{repository}/artifacts/{reference}/copy"),
            ("PUT", "/repositories/{repository}/artifacts/{reference}/labels/{number}"),
            ("DELETE", "/repositories/{repository}/artifacts/{reference}/labels/{number}"),
        )
        may = pulls or pushes or row.least in (ANYONE, KNOWN)
        assert (answer.status < 300) == may, (key, answer.status, answer.body)


def test_who_is_narrowed_to_some_repositories_sees_and_changes_only_those(team: tuple[Place, dict[str, str]]) -> None:
    place, _ = team
    place.project("wide")
    place.image("wide/web")
    place.image("wide/other")
    auth = place.user("narrowed", project="wide", role="guest")
    members.put(place.database, SYSTEM, "wide", "narrowed", "maintainer", repositories=["wide/w*"])
    found = place.api("GET", "/repositories?project=wide", auth=auth).document
    assert [each["name"] for each in found] == ["wide/web"]
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"description": "x"}),
        ("GET", "/tags", None),
        ("DELETE", "/tags/1", None),
        ("DELETE", "", None),
    ):
        assert place.api(method, f"/repositories/wide:other{path}", body, auth=auth).status == 404
        assert place.api(method, f"/repositories/wide:web{path}", body, auth=auth).status < 300
