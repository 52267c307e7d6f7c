"""HEAD of what a project's policy denies: it is refused as GET is, but to those who are about to push."""

from collections.abc import Callable

import pytest

from dockyard.policy.settings import Policy
from dockyard.server.trust.settings import ProjectPolicy, set_policy
from making.calls import Answer

from .conftest import Place

NAME = "team/web"
PULL, PUSH = f"repository:{NAME}:pull", f"repository:{NAME}:pull,push"


@pytest.fixture(params=[0.0, 60.0], ids=["looked up", "known"])
def place(request: pytest.FixtureRequest, opened: Callable[..., Place]) -> Place:
    """A registry with an image that nobody may pull; what it knows of callers is believed or not."""
    place = opened(fresh=request.param)
    root = place.user("root", admin=True)
    place.project("team", public=True)
    place.image(NAME, auth=place.token(root, PUSH))
    deny(place)
    return place


def deny(place: Place) -> None:
    set_policy(place.database, "team", ProjectPolicy(Policy(require=["healthcheck"]), 0, False))
    place.instance.gate.forget()


def ask(place: Place, method: str, auth: str, **headers: str) -> Answer:
    """The answer when the caller and the manifest are known already."""
    path = f"/v2/{NAME}/manifests/1"
    for _ in range(2):
        answer = place.call(method, path, auth=auth, headers={key.replace("_", "-"): headers[key] for key in headers})
    return answer


@pytest.mark.parametrize("role", ["guest", "developer"])
def test_a_pull_is_refused_at_its_head(place: Place, role: str) -> None:
    bearer = place.token(place.user("ann", project="team", role=role), PULL)
    head, get = ask(place, "HEAD", bearer), ask(place, "GET", bearer)
    assert (head.status, head.body) == (403, b"")
    assert head.headers["content-length"] == str(len(get.body))
    assert (get.status, get.code) == (403, "DENIED")
    assert "docker-content-digest" not in head.headers


def test_those_who_are_nobody_are_refused_as_well(place: Place) -> None:
    anonymous = place.token("", PULL)
    assert (ask(place, "HEAD", anonymous).status, ask(place, "GET", anonymous).status) == (403, 403)


def test_who_comes_without_a_login_is_asked_for_one_as_it_may_be_about_to_push(place: Place) -> None:
    head, get = ask(place, "HEAD", ""), ask(place, "GET", "")
    assert (head.status, get.status) == (401, 403)
    assert f'scope="{PUSH}"' in head.headers["www-authenticate"]
    assert "HEALTHCHECK" in get.body.decode()


def test_who_has_the_image_already_is_not_told_that_it_is_still_good(place: Place) -> None:
    bearer = place.token(place.user("ann", project="team", role="guest"), PULL)
    for method in ("GET", "HEAD"):
        assert ask(place, method, bearer, if_none_match="*").status == 403


def test_who_may_push_finds_nothing_there_and_puts_a_better_image_in_its_place(place: Place) -> None:
    bearer = place.token(place.user("dev", project="team", role="developer"), PUSH)
    head = ask(place, "HEAD", bearer)
    # Clients that ask for the right to push before they pull, and have the image already, go on with no digest.
    assert (head.status, head.body) == (404, b"")
    assert "docker-content-digest" not in head.headers
    assert ask(place, "GET", bearer).status == 403
    place.image(NAME, auth=bearer)


def test_what_the_policy_allows_is_there_for_both(place: Place) -> None:
    set_policy(place.database, "team", ProjectPolicy(Policy(), 0, False))
    place.instance.gate.forget()
    bearer = place.token(place.user("ann", project="team", role="guest"), PULL)
    assert (ask(place, "HEAD", bearer).status, ask(place, "GET", bearer).status) == (200, 200)
    deny(place)
    assert ask(place, "HEAD", bearer).status == 403
