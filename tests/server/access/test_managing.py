"""The functions that change accounts and rights ask who calls them."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from dockyard.server.access import (
    groups,
    keyless,
    keys,
    members,
    personal,
    projects,
    reading,
    robots,
    users,
)
from dockyard.server.access.login import Login
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import AccessDeniedError, Permission, Principal
from dockyard.server.access.projects import ProjectNotEmptyError
from dockyard.server.database import Database
from dockyard.server.globs import GlobInvalidError, checked, matches
from dockyard.server.schema.events import EVENT

from .conftest import PASSWORD, Place

PULL = [Permission((), frozenset({"pull"}))]
Verb = Callable[[Database, Principal], object]
ADMINS: dict[str, Verb] = {
    "add a user": lambda database, by: users.add(database, by, "new", password=PASSWORD),
    "list users": users.listing,
    "remove a user": lambda database, by: users.remove(database, by, "victim"),
    "change a user": lambda database, by: users.change(database, by, "victim", admin=True),
    "add a group": lambda database, by: groups.add(database, by, "new"),
    "join a group": lambda database, by: groups.change(database, by, "crew", join=["victim"]),
    "add a project": lambda database, by: projects.add(database, by, "new"),
    "set a quota": lambda database, by: projects.add(database, by, "new", quota=1, makers="everyone"),
    "add a system robot": lambda database, by: robots.add(database, by, "", "new", PULL),
    "renew the key": keys.rotate,
    "list another's tokens": lambda database, by: personal.listing(database, by, "victim"),
    "make another's token": lambda database, by: personal.add(database, by, "victim", "x"),
}
PROJECT: dict[str, tuple[Verb, str]] = {
    "list members": (lambda database, by: members.listing(database, by, "team"), "guest"),
    "list robots": (lambda database, by: robots.listing(database, by, "team"), "guest"),
    "set a member": (lambda database, by: members.put(database, by, "team", "victim", "guest"), "project-admin"),
    "remove a member": (lambda database, by: members.remove(database, by, "team", "filler"), "project-admin"),
    "add a robot": (lambda database, by: robots.add(database, by, "team", "new", PULL), "project-admin"),
    "renew a robot": (lambda database, by: robots.renew(database, by, "robot+team+old"), "project-admin"),
    "open it": (lambda database, by: projects.change(database, by, "team", public=True), "project-admin"),
    "remove it": (lambda database, by: projects.remove(database, by, "team"), "project-admin"),
    "list keyless rules": (lambda database, by: keyless.listing(database, by, "team"), "project-admin"),
}
ORDER = ("limited-guest", "guest", "developer", "maintainer", "project-admin", "admin")


def someone(place: Place, name: str) -> Principal:
    """The account's principal."""
    shown = Login(place.database, place.doors.login.keys, place.instance.settings.access).basic(name, PASSWORD, "")
    with place.database.read() as connection:
        found = reading.principal(connection, shown.proof)
    assert found is not None
    return found


@pytest.fixture
def team(place: Place) -> Place:
    place.project("team")
    place.project("away")
    place.user("victim")
    place.user("filler", project="team", role="guest")
    groups.add(place.database, SYSTEM, "crew")
    robots.add(place.database, SYSTEM, "team", "old", PULL)
    return place


@pytest.mark.parametrize("verb", ADMINS)
def test_the_system_is_for_system_admins(team: Place, verb: str) -> None:
    team.user("chief", project="team", role="project-admin")
    with pytest.raises(AccessDeniedError):
        ADMINS[verb](team.database, someone(team, "chief"))
    ADMINS[verb](team.database, someone(team, "root"))


@pytest.mark.parametrize("verb", PROJECT)
def test_a_project_is_for_those_with_the_role(team: Place, verb: str) -> None:
    function, least = PROJECT[verb]
    for role in ORDER[:-1]:
        name = f"some-{role}"
        team.user(name, project="team", role=role)
        by = someone(team, name)
        if ORDER.index(role) < ORDER.index(least):
            with pytest.raises(AccessDeniedError):
                function(team.database, by)
    team.user("elsewhere", project="away", role="project-admin")
    with pytest.raises(AccessDeniedError):
        function(team.database, someone(team, "elsewhere"))
    function(team.database, someone(team, f"some-{least}"))


def test_people_manage_their_own_password_and_tokens_but_not_with_a_token(team: Place) -> None:
    database, by = team.database, someone(team, "victim")
    assert users.get(database, by, "victim").name == "victim"
    users.change(database, by, "victim", email="v@example.org")
    with pytest.raises(AccessDeniedError):
        users.change(database, by, "victim", admin=True)
    with pytest.raises(AccessDeniedError):
        users.get(database, by, "nobody")
    _, secret = personal.add(database, by, "victim", "laptop")
    shown = team.doors.login.basic("victim", secret, "")
    with database.read() as connection:
        through = reading.principal(connection, shown.proof)
    assert through is not None
    for verb in (
        lambda: personal.add(database, through, "victim", "more"),
        lambda: users.change(database, through, "victim", password="another horse"),
    ):
        with pytest.raises(AccessDeniedError):
            verb()


def test_a_token_with_a_narrow_scope_manages_nothing(team: Place) -> None:
    for scope, right in (("read-only", False), ("read-write", False), ("full", True)):
        _, secret = personal.add(team.database, SYSTEM, "root", scope, scope=scope)
        shown = team.doors.login.basic("root", secret, "")
        with team.database.read() as connection:
            by = reading.principal(connection, shown.proof)
        assert by is not None
        users.listing(team.database, by)
        if right:
            projects.add(team.database, by, "new")
        else:
            with pytest.raises(AccessDeniedError):
                projects.add(team.database, by, "new")


def test_whoever_makes_a_project_is_its_admin(team: Place) -> None:
    by = someone(team, "victim")
    projects.add(team.database, by, "mine", makers="everyone")
    by = someone(team, "victim")
    members.put(team.database, by, "mine", "filler", "developer")
    assert [each.name for each in projects.listing(team.database, by)] == ["mine"]
    with pytest.raises(AccessDeniedError):
        projects.get(team.database, by, "team")
    with pytest.raises(AccessDeniedError):
        projects.get(team.database, by, "none")


def test_a_project_with_images_is_not_removed(team: Place, root: str) -> None:
    team.image("team/web", auth=root)
    with pytest.raises(ProjectNotEmptyError):
        projects.remove(team.database, SYSTEM, "team")


def test_every_change_is_noted(team: Place) -> None:
    users.remove(team.database, SYSTEM, "victim")
    with team.database.read() as connection:
        kinds = [row.kind for row in connection.execute(select(EVENT).order_by(EVENT.c.id))]
    expected = ["user.create", "project.create", "member.set", "group.create", "robot.create", "user.delete"]
    assert [each for each in dict.fromkeys(kinds) if each in expected] == expected


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("team/web", "team/web", True),
        ("team/web", "team/web2", False),
        ("team/*", "team/web", True),
        ("team/*", "team/web/api", False),
        ("team/**", "team/web/api", True),
        ("team/**", "team", True),
        ("team/**", "teams/web", False),
        ("**", "anything/at/all", True),
        ("*/web", "team/web", True),
        ("team/we?", "team/web", True),
        ("team/we?", "team/we/", False),
        ("team.web", "teamxweb", False),
        ("team/[a-z]", "team/b", True),
        ("team/{web,api}/**", "team/api", True),
        ("team/{web,api}/**", "team/api/x", True),
        ("team**", "team/x", False),
        ("team/web", "team/web\n", False),
    ],
)
def test_patterns_fit_whole_names(pattern: str, text: str, fits: bool) -> None:
    assert matches(checked(pattern), text) is fits


@pytest.mark.parametrize("pattern", ["", "a" * 600, "a\nb", "{a", "[a"])
def test_odd_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(GlobInvalidError):
        checked(pattern)
