"""Every kind of caller against every endpoint of the protocol: what it may do it can, what it may not it cannot."""

from typing import NamedTuple

import pytest

from dockyard.registry.app.application import _HANDLERS
from dockyard.server.access import members, personal, robots, users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.access.roles import MATRIX, ROLES, grants
from making.calls import Answer, basic

from .conftest import PASSWORD, Place

pytestmark = pytest.mark.slow

MISSING = "sha256:" + "0" * 64


class Request(NamedTuple):
    """A request to the protocol, and the action that it needs."""

    method: str
    path: str
    kind: str
    needs: str


REQUESTS = (
    Request("GET", "/v2/{name}/manifests/1", "manifest", "pull"),
    Request("HEAD", "/v2/{name}/manifests/1", "manifest", "pull"),
    Request("GET", "/v2/{name}/blobs/{config}", "blob", "pull"),
    Request("HEAD", "/v2/{name}/blobs/{config}", "blob", "pull"),
    Request("GET", "/v2/{name}/tags/list", "tags", "pull"),
    Request("HEAD", "/v2/{name}/tags/list", "tags", "pull"),
    Request("GET", "/v2/{name}/referrers/" + MISSING, "referrers", "pull"),
    Request("HEAD", "/v2/{name}/referrers/" + MISSING, "referrers", "pull"),
    Request("POST", "/v2/{name}/blobs/uploads/", "uploads", "push"),
    Request("GET", "/v2/{name}/blobs/uploads/0", "upload", "push"),
    Request("HEAD", "/v2/{name}/blobs/uploads/0", "upload", "push"),
    Request("PATCH", "/v2/{name}/blobs/uploads/0", "upload", "push"),
    Request("PUT", "/v2/{name}/blobs/uploads/0?digest=" + MISSING, "upload", "push"),
    Request("DELETE", "/v2/{name}/blobs/uploads/0", "upload", "push"),
    Request("PUT", "/v2/{name}/manifests/2", "manifest", "push"),
    Request("DELETE", "/v2/{name}/blobs/" + MISSING, "blob", "delete"),
    Request("DELETE", "/v2/{name}/manifests/none", "manifest", "delete"),
)
CONFIG = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}

# Who may do what in the private project `team`, to `team/web` and to `team/other`.
PULL, PUSH, DELETE = {"pull"}, {"pull", "push"}, {"pull", "push", "delete"}
CALLERS: dict[str, tuple[set[str], set[str]]] = {
    "anonymous": (set(), set()),
    "stranger": (set(), set()),
    "limited-guest": (PULL, PULL),
    "guest": (PULL, PULL),
    "developer": (PUSH, PUSH),
    "maintainer": (DELETE, DELETE),
    "project-admin": (DELETE, DELETE),
    "root": (DELETE, DELETE),
    "narrowed": (DELETE, set()),
    "in a group": (PUSH, PUSH),
    "guest with a wider glob": (DELETE, PULL),
    "admin elsewhere": (set(), set()),
    "robot": (PUSH, set()),
    "robot that only pushes": ({"push"}, {"push"}),
    "robot of another project": (set(), set()),
    "robot of the system": (PULL, PULL),
    "token read-only": (PULL, PULL),
    "token read-write": (PUSH, PUSH),
    "token full": (DELETE, DELETE),
    "token of a guest": (PULL, PULL),
}


def callers(place: Place) -> dict[str, str]:
    """An Authorization header for each."""
    database = place.database
    found = {"anonymous": "", "root": basic("root", PASSWORD), "stranger": place.user("stranger")}
    for role in ROLES:
        found[role] = place.user(role, project="team", role=role)
    found["narrowed"] = place.user("narrowed", project="team", role="maintainer", globs=("team/w*",))
    found["in a group"] = place.user("grouped")
    from dockyard.server.access import groups

    groups.add(database, SYSTEM, "crew")
    groups.change(database, SYSTEM, "crew", join=["grouped"])
    members.put(database, SYSTEM, "team", "crew", "developer", kind="group")
    found["guest with a wider glob"] = place.user("two", project="team", role="guest")
    groups.add(database, SYSTEM, "web")
    groups.change(database, SYSTEM, "web", join=["two"])
    members.put(database, SYSTEM, "team", "web", "maintainer", kind="group", repositories=["team/web"])
    found["admin elsewhere"] = place.user("elsewhere", project="away", role="project-admin")
    for called, project, globs, actions in (
        ("robot", "team", ("team/web",), PUSH),
        ("robot that only pushes", "team", (), {"push"}),
        ("robot of another project", "away", ("team/**", "**"), DELETE),
        ("robot of the system", "", ("te*/**",), PULL),
    ):
        made, secret = robots.add(
            database, SYSTEM, project, called.replace(" ", "-"), [Permission(globs, frozenset(actions))]
        )
        found[called] = basic(made.name, secret)
    for scope in ("read-only", "read-write", "full"):
        _, secret = personal.add(database, SYSTEM, "root", scope, scope=scope)
        found[f"token {scope}"] = basic("root", secret)
    _, secret = personal.add(database, SYSTEM, "guest", "all")
    found["token of a guest"] = basic("guest", secret)
    return found


def admitted(answer: Answer) -> bool:
    """Whether the request came past the guard; what it asks for may be missing."""
    return answer.status not in (401, 403)


@pytest.fixture
def team(place: Place, root: str) -> Place:
    place.project("team")
    place.project("away")
    place.image("team/web", auth=root)
    place.image("team/other", auth=root)
    return place


def test_the_table_knows_every_endpoint_of_the_application() -> None:
    tried = {(each.method, each.kind) for each in REQUESTS} | {(m, k) for m in ("GET", "HEAD") for k in ("root",)}
    assert tried | {("GET", "catalog"), ("HEAD", "catalog")} == set(_HANDLERS)
    for each in REQUESTS:
        assert _HANDLERS[each.method, each.kind][1] == each.needs


@pytest.mark.parametrize("bearer", [False, True], ids=["basic", "bearer"])
def test_every_caller_may_do_what_its_role_says_and_nothing_else(team: Place, bearer: bool) -> None:
    headers = callers(team)
    assert set(headers) == set(CALLERS)
    wrong = []
    for caller, auth in headers.items():
        for name, may in zip(("team/web", "team/other"), CALLERS[caller], strict=True):
            given = team.token(auth, f"repository:{name}:pull,push,delete") if bearer else auth
            for each in REQUESTS:
                path = each.path.format(name=name, config=CONFIG)
                answer = team.call(each.method, path, auth=given)
                if admitted(answer) != (each.needs in may):
                    wrong.append((caller, each.method, path, answer.status))
                if not admitted(answer):
                    # A login helps nobody in particular; others need other rights.
                    assert answer.status == (401 if caller == "anonymous" else 403), (caller, path)
                    assert answer.headers.get("www-authenticate", "").startswith("Bearer ") == (answer.status == 401)
                else:
                    assert answer.status < 500
    assert wrong == []


@pytest.mark.parametrize("caller", ["anonymous", "stranger", "robot of another project"])
def test_anybody_pulls_from_a_public_project_and_pushes_nowhere(team: Place, root: str, caller: str) -> None:
    team.project("open", public=True)
    team.image("open/web", auth=root)
    auth = callers(team)[caller]
    bearer = team.token(auth, "repository:open/web:pull,push,delete")
    for given in (auth, bearer):
        for each in REQUESTS:
            answer = team.call(each.method, each.path.format(name="open/web", config=CONFIG), auth=given)
            assert admitted(answer) == (each.needs == "pull"), (each, answer.status)


def test_the_catalog_shows_what_the_caller_may_pull(team: Place, root: str) -> None:
    team.project("open", public=True)
    team.image("open/web", auth=root)
    team.image("away/app", auth=root)
    headers = callers(team)
    every = ["away/app", "open/web", "team/other", "team/web"]
    expected = {
        "root": every,
        "stranger": ["open/web"],
        "guest": ["open/web", "team/other", "team/web"],
        "narrowed": ["open/web", "team/web"],
        "robot": ["open/web", "team/web"],
        "robot that only pushes": ["open/web"],
        "token read-only": every,
    }
    for caller, names in expected.items():
        for auth in (headers[caller], team.token(headers[caller], "registry:catalog:*")):
            assert team.call("GET", "/v2/_catalog", auth=auth).document == {"repositories": names}, caller
    refused = team.call("GET", "/v2/_catalog")
    assert refused.status == 401
    assert 'scope="registry:catalog:*"' in refused.headers["www-authenticate"]
    assert team.call("GET", "/v2/_catalog", auth=team.token("", "registry:catalog:*")).document == {
        "repositories": ["open/web"]
    }
    assert team.call("GET", "/v2/_catalog", auth=team.token(headers["root"])).status == 401


def test_a_blob_is_mounted_only_from_where_the_caller_may_pull(team: Place, root: str) -> None:
    team.image("away/app", auth=root)
    developer = callers(team)["developer"]
    path = f"/v2/team/new/blobs/uploads/?mount={CONFIG}&from="
    assert team.call("POST", path + "away/app", auth=developer).status == 202
    assert team.call("POST", path + "team/web", auth=developer).status == 201
    narrow = team.token(developer, "repository:team/next:pull,push")
    path = path.replace("new", "next")
    # As distribution has it: the challenge names what the mount needs, and only if that could be had.
    refused = team.call("POST", path + "team/web", auth=narrow)
    assert refused.status == 401
    wanted = 'scope="repository:team/next:pull,push repository:team/web:pull",error="insufficient_scope"'
    assert wanted in refused.headers["www-authenticate"]
    assert wanted.partition(",error")[0] in team.call("POST", path + "team/web").headers["www-authenticate"]
    assert team.call("POST", path + "away/app", auth=narrow).status == 202
    both = team.token(developer, "repository:team/next:pull,push", "repository:team/web:pull")
    assert team.call("POST", path + "team/web", auth=both).status == 201


HARBOR = {
    ("repository", "pull"): "limited-guest",
    ("repository", "list"): "limited-guest",
    ("artifact", "list"): "limited-guest",
    ("tag", "list"): "limited-guest",
    ("scan", "read"): "limited-guest",
    ("sbom", "read"): "limited-guest",
    ("quota", "read"): "limited-guest",
    ("member", "list"): "guest",
    ("robot", "list"): "guest",
    ("label", "list"): "guest",
    ("repository", "push"): "developer",
    ("tag", "create"): "developer",
    ("artifact-label", "create"): "developer",
    ("retention", "operate"): "developer",
    ("export-cve", "create"): "developer",
    ("artifact", "delete"): "maintainer",
    ("tag", "delete"): "maintainer",
    ("repository", "delete"): "maintainer",
    ("scan", "stop"): "maintainer",
    ("immutable", "update"): "maintainer",
    ("label", "delete"): "maintainer",
    ("webhook", "list"): "maintainer",
    ("member", "create"): "project-admin",
    ("project", "update"): "project-admin",
    ("metadata", "update"): "project-admin",
    ("robot", "create"): "project-admin",
    ("webhook", "create"): "project-admin",
    ("preheat", "create"): "project-admin",
    ("scanner", "create"): "project-admin",
    ("log", "list"): "project-admin",
    ("project", "delete"): "project-admin",
}


@pytest.mark.parametrize(("thing", "least"), HARBOR.items(), ids=str)
def test_the_table_of_roles_is_harbors(thing: tuple[str, str], least: str) -> None:
    assert MATRIX[thing] == least
    for role in ROLES:
        assert grants(role, *thing) == (ROLES.index(role) >= ROLES.index(least))
    assert not grants("owner", *thing)
    assert not grants("project-admin", thing[0], "destroy")


def test_an_account_that_is_disabled_may_do_nothing(team: Place, root: str) -> None:
    auth = callers(team)["maintainer"]
    bearer = team.token(auth, "repository:team/web:pull")
    users.change(team.database, SYSTEM, "maintainer", disabled=True)
    found = [team.call("GET", "/v2/team/web/manifests/1", auth=given).status for given in (auth, bearer, root)]
    assert found == [401, 401, 200]
