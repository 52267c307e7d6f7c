"""The guard: who is challenged, what is kept, and how soon a change of rights holds."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dockyard.registry.app.body import Came
from dockyard.registry.app.call import Application, Message, Scope
from dockyard.registry.interface import WireError
from dockyard.server.access import members, personal, projects, robots, secret, state, users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.database import Database, DatabaseError
from dockyard.server.serve import NotLoopbackError, serve
from dockyard.server.settings import Access, Proxy, Settings
from making.calls import basic

from .conftest import PASSWORD, Place, later


def test_without_accounts_everybody_may_do_everything_and_with_the_first_nobody(opened: Callable[..., Place]) -> None:
    place = opened()
    place.image("team/web", auth="")
    assert place.call("GET", "/v2/").status == 200
    auth = place.user("root", admin=True)
    assert place.call("GET", "/v2/").status == 401
    assert place.call("GET", "/v2/team/web/manifests/1").status == 401
    assert place.call("GET", "/v2/team/web/manifests/1", auth=auth).status == 200


def test_nobody_becomes_everybody_again_when_the_accounts_go(place: Place, root: str) -> None:
    from sqlalchemy import delete

    from dockyard.server.schema.accounts import ACCOUNT

    assert place.call("GET", "/v2/", auth=root).status == 200

    def work(connection: object) -> None:
        connection.execute(delete(ACCOUNT))  # type: ignore[attr-defined]
        state.changed(place.database, connection)  # type: ignore[arg-type]

    place.database.write(work)
    assert place.call("GET", "/v2/").status == 401


def test_without_accounts_the_server_stays_on_this_machine(tmp_path: Path, opened: Callable[..., Place]) -> None:
    with pytest.raises(NotLoopbackError):
        serve(Settings(listen="0.0.0.0:0", storage=str(tmp_path / "none")))
    # Should it ever run there without them, it is closed.
    place = opened(listen="0.0.0.0:5000")
    assert place.call("GET", "/v2/").status == 401
    assert place.call("GET", "/v2/", auth=place.token("")).status == 200
    assert place.call("POST", "/v2/team/web/blobs/uploads/").status == 401


def test_the_challenge_names_the_server_as_the_client_sees_it(opened: Callable[..., Place]) -> None:
    place = opened(proxy=Proxy(trusted=True))
    place.user("root", admin=True)
    for host, expected in (("a.test", "http://a.test/token"), ('b.test"x', "http://b.testx/token")):
        found = place.call("GET", "/v2/team/web/manifests/1", headers={"host": host}).headers["www-authenticate"]
        assert found == f'Bearer realm="{expected}",service="dockyard",scope="repository:team/web:pull"'
    behind = place.call("GET", "/v2/", headers={"x-forwarded-proto": "https", "x-forwarded-host": "hub.test"})
    assert behind.headers["www-authenticate"] == 'Bearer realm="https://hub.test/token",service="dockyard"'
    chained = {"x-forwarded-proto": "HTTPS, http", "x-forwarded-host": "hub.test, inner:80"}
    found = place.call("GET", "/v2/", headers=chained).headers["www-authenticate"]
    assert found == behind.headers["www-authenticate"]
    odd = place.call("GET", "/v2/", headers={"x-forwarded-proto": "javascript", "host": "a.test"})
    assert odd.headers["www-authenticate"] == 'Bearer realm="http://a.test/token",service="dockyard"'
    push = place.call("PUT", "/v2/team/web/manifests/1")
    assert 'scope="repository:team/web:pull,push"' in push.headers["www-authenticate"]


def test_what_was_looked_up_once_is_known_without_waiting(opened: Callable[..., Place]) -> None:
    place = opened(fresh=60.0)
    auth = place.user("root", admin=True)
    keeper = place.doors.keeper
    bearer = place.token(auth, "repository:team/web:pull")
    for each in ("", auth, bearer):
        assert keeper.known(each) is None
        permit = keeper.admit(each, "192.0.2.1", "http://x")
        assert keeper.known(each) is permit
    assert keeper.known(bearer + "x") is None


def test_what_is_known_ends_with_the_token(opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> None:
    place = opened(Access(token_lifetime=60), fresh=1000.0)
    auth = place.user("root", admin=True)
    bearer = place.token(auth, "repository:team/web:pull")
    keeper = place.doors.keeper
    keeper.admit(bearer, "192.0.2.1", "http://x")
    assert keeper.known(bearer) is not None
    later(61, monkeypatch)
    assert keeper.known(bearer) is None
    with pytest.raises(WireError) as refused:
        keeper.admit(bearer, "192.0.2.1", "http://x")
    assert refused.value.code.status == 401


@pytest.mark.slow
def test_a_change_holds_within_a_second_for_tokens_that_are_out(opened: Callable[..., Place]) -> None:
    place = opened(fresh=0.2)
    place.user("root", admin=True)
    place.project("team")
    auth = place.user("dev", project="team", role="developer")
    bearer = place.token(auth, "repository:team/web:pull,push")

    def push(given: str) -> int:
        return place.call("POST", "/v2/team/web/blobs/uploads/", auth=given).status

    assert (push(auth), push(bearer)) == (202, 202)
    members.put(place.database, SYSTEM, "team", "dev", "guest")
    time.sleep(0.25)
    assert (push(auth), push(bearer)) == (403, 403)
    members.put(place.database, SYSTEM, "team", "dev", "maintainer")
    time.sleep(0.25)
    assert (push(auth), push(bearer)) == (202, 202)
    projects.change(place.database, SYSTEM, "team", public=True)
    time.sleep(0.25)
    assert place.call("GET", "/v2/team/web/tags/list").status in (200, 404)


def test_no_password_is_checked_again_because_somebody_elses_rights_changed(
    place: Place, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.call("GET", "/v2/", auth=root).status == 200
    place.project("team")
    monkeypatch.setattr("dockyard.server.access.secret.password_right", lambda kept, given: pytest.fail("checked"))
    assert place.call("GET", "/v2/", auth=root).status == 200


def test_another_password_ends_everything_made_with_the_one_before(place: Place) -> None:
    auth = place.user("dev")
    _, secret = personal.add(place.database, SYSTEM, "dev", "laptop")
    answer = place.call("GET", "/token?offline_token=true", auth=auth)
    bearer, refresh = "Bearer " + answer.document["token"], answer.document["refresh_token"]
    users.change(place.database, SYSTEM, "dev", password="another horse")
    assert place.call("GET", "/v2/", auth=auth).status == 401
    assert place.call("GET", "/v2/", auth=bearer).status == 401
    words = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert place.call.form("/token", words).status == 401
    assert place.call("GET", "/v2/", auth=basic("dev", "another horse")).status == 200
    assert place.call("GET", "/v2/", auth=basic("dev", secret)).status == 200


def test_robots_and_tokens_end_when_they_are_removed_renewed_disabled_or_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.project("team")
    allow = [Permission((), frozenset({"pull"}))]
    soon = int((time.time() + 100) * 1000)
    made, secret = robots.add(place.database, SYSTEM, "team", "ci", allow, expires_at=soon)
    assert made.name == "robot+team+ci"
    _, mine = personal.add(place.database, SYSTEM, "root", "laptop", expires_at=soon)

    def answers(*given: str) -> list[int]:
        return [place.call("GET", "/v2/", auth=each).status for each in given]

    as_robot, as_person = basic(made.name, secret), basic("root", mine)
    derived = place.token(as_robot, "repository:team/web:pull")
    assert answers(as_robot, as_person, derived, f"Bearer {secret}", f"Bearer {mine}") == [200] * 5
    robots.change(place.database, SYSTEM, made.name, disabled=True)
    assert answers(as_robot, derived) == [401, 401]
    robots.change(place.database, SYSTEM, made.name, disabled=False)
    assert answers(as_robot, derived) == [200, 200]
    renewed = robots.renew(place.database, SYSTEM, made.name)
    assert answers(as_robot, derived, basic(made.name, renewed)) == [401, 401, 200]
    assert answers(basic("dev", mine), basic(made.name, mine), basic("root", renewed)) == [401] * 3
    later(101, monkeypatch)
    assert answers(basic(made.name, renewed), as_person) == [401, 401]
    personal.remove(place.database, SYSTEM, "root", "laptop")
    robots.remove(place.database, SYSTEM, made.name)
    assert robots.listing(place.database, SYSTEM, "team") == []


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic cm9vdA==",
        basic("root", ""),
        basic("", "x"),
        basic("root", "\0"),
        "Bearer",
        "Bearer x.y.z",
        "Bearer " + "a" * 30_000,
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Negotiate abc",
        "Basic " + "\xff" * 10,
        "Bearer dyp_none",
        basic("robot+team+none", "dyr_none"),
    ],
)
def test_odd_headers_are_refused_as_logins(place: Place, header: str) -> None:
    answer = place.call("GET", "/v2/", auth=header.encode("latin-1").decode("latin-1"))
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


def test_wrong_passwords_make_the_account_wait_wherever_they_come_from(
    opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opened(Access(tries=3, lock=30))
    place.user("root", admin=True)
    right = place.user("dev")
    for number in range(3):
        wrong = place.call("GET", "/v2/", auth=basic("dev", f"wrong {number}"), address=f"192.0.2.{number}")
        assert wrong.status == 401
    locked = place.call("GET", "/v2/", auth=right, address="198.51.100.1")
    assert (locked.status, locked.code) == (429, "TOOMANYREQUESTS")
    assert 25 <= int(locked.headers["retry-after"]) <= 30
    assert place.call("GET", "/token", auth=right).status == 429
    assert place.call.form("/token", {"grant_type": "password", "username": "dev", "password": "x"}).status == 429
    # Others are not concerned, and nobody learns whether there is an account.
    assert place.call("GET", "/v2/", auth=basic("root", PASSWORD)).status == 200
    for _ in range(3):
        place.call("GET", "/v2/", auth=basic("nobody", "wrong"), address="203.0.113.9")
    assert place.call("GET", "/v2/", auth=basic("nobody", "other"), address="203.0.113.8").status == 429
    later(31, monkeypatch)
    assert place.call("GET", "/v2/", auth=basic("dev", "wrong again"), address="192.0.2.9").status == 401
    again = place.call("GET", "/v2/", auth=right)
    assert again.status == 429
    assert int(again.headers["retry-after"]) > 50
    users.change(place.database, SYSTEM, "dev", unlock=True)
    assert place.call("GET", "/v2/", auth=right).status == 200


def test_a_flood_of_passwords_makes_nobody_wait_long(place: Place, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.call("GET", "/v2/", auth=root).status == 200
    monkeypatch.setattr("dockyard.server.access.secret._WAITING", threading.BoundedSemaphore(1))
    monkeypatch.setattr("dockyard.server.access.secret._PATIENCE_S", 0.01)
    from dockyard.server.access import secret

    with secret._WAITING:
        busy = place.call("GET", "/v2/", auth=basic("root", "another"))
        assert (busy.status, busy.headers["retry-after"]) == (429, "1")
        assert place.call("GET", "/v2/", auth=root).status == 200  # it was looked at before
    assert place.call("GET", "/v2/", auth=basic("root", "another")).status == 401


def test_an_address_that_guesses_has_to_wait_whatever_it_guesses(opened: Callable[..., Place]) -> None:
    place = opened(Access(tries=2))
    root = place.user("root", admin=True)
    for number in range(8):
        place.call("GET", "/v2/", auth=basic(f"robot+team+{number}", "dyr_x"), address=f"2001:db8::{number}")
    assert place.call("GET", "/v2/", auth=root, address="2001:db8::ffff").status == 429
    assert place.call("GET", "/v2/", auth=root, address="2001:db8:0:1::1").status == 200
    assert place.call("GET", "/v2/", address="2001:db8::ffff").status == 401  # to ask is no guess


def test_a_job_whose_secret_is_over_locks_nobody_out_and_no_guesses_lock_out_a_job(
    opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opened(Access(tries=2))
    root = place.user("root", admin=True)
    place.project("team")
    allow = [Permission((), frozenset({"pull"}))]
    over, old = robots.add(place.database, SYSTEM, "team", "over", allow)
    good, new = robots.add(place.database, SYSTEM, "team", "good", allow)
    robots.remove(place.database, SYSTEM, over.name)
    here = "192.0.2.7"
    for _ in range(20):
        assert place.call("GET", "/v2/", auth=basic(over.name, old), address=here).status == 401
        assert place.call("GET", "/v2/", auth=f"Bearer {old}", address=here).status == 401
        assert place.call("GET", "/v2/", auth=basic("root", old.replace("dyr_", "dyp_")), address=here).status == 401
    assert place.call("GET", "/v2/", auth=root, address=here).status == 200
    for number in range(8):
        place.call("GET", "/v2/", auth=basic(f"person{number}", "guess"), address=here)
    assert place.call("GET", "/v2/", auth=place.user("dev"), address=here).status == 429
    assert place.call("GET", "/v2/", auth=basic(good.name, new), address=here).status == 200


def test_a_caller_that_comes_too_often_is_asked_for_patience(
    opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opened(Access(rate=1.0, burst=5), fresh=60.0)
    auth = place.user("root", admin=True)
    bearer = place.token(auth)
    frozen = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: frozen)
    found = [place.call("GET", "/v2/", auth=auth if number % 2 else bearer) for number in range(7)]
    assert [each.status for each in found] == [200] * 5 + [429] * 2
    assert (found[-1].code, found[-1].headers["retry-after"]) == ("TOOMANYREQUESTS", "1")
    statuses = [place.call("GET", "/v2/", address="192.0.2.50").status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert place.call("GET", "/v2/", address="192.0.2.51").status == 401
    monkeypatch.setattr(time, "monotonic", lambda: frozen + 2)
    assert [place.call("GET", "/v2/", auth=auth).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_request_that_the_short_way_leaves_to_the_long_one_is_counted_once(
    opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    place = opened(Access(rate=1.0, burst=5), fresh=60.0)
    pushing = place.token(place.user("root", admin=True), "repository:team/web:pull,push")
    place.image("team/web", auth=pushing)
    assert place.call("GET", "/v2/team/web/manifests/1", auth=pushing).status == 200  # it is in memory now
    other = place.user("other")
    path = "/v2/team/web/" + ("blobs/uploads/" if method == "POST" else "manifests/1")
    place.call("GET", "/v2/", auth=other)
    frozen = time.monotonic() + 6
    monkeypatch.setattr(time, "monotonic", lambda: frozen)
    place.call("GET", "/v2/", auth=other)  # the first of five, and what the others are known by

    def asked() -> int:
        exchange = Shown(method, path, other)
        return exchange.status if place.instance.app.prompt(exchange) else exchange.left(place.instance.app)

    assert [asked() for _ in range(6)] == [403] * 4 + [429] * 2


class Shown:
    """A request that is shown to the short way first (`registry.app.body.Exchange`)."""

    def __init__(self, method: str, path: str, auth: str) -> None:
        headers = [(b"authorization", auth.encode()), (b"content-length", b"0")]
        self.scope: Scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
        self.status = 0

    def put(self, message: Message) -> None:
        self.status = message.get("status", self.status)

    def receive(self, came: Came) -> None:
        pytest.fail("there is no body")

    def go_on(self) -> None:
        pytest.fail("there is no body")

    def end(self) -> None:
        """Nothing holds it."""

    def left(self, app: Application) -> int:
        """The status of the long way."""

        async def send(message: Message) -> None:
            self.put(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def run() -> None:
            await app(self.scope, receive, send)

        asyncio.run(run())
        return self.status


def test_a_database_that_is_away_for_a_moment_locks_nobody_out(
    place: Place, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.call("GET", "/v2/", auth=root).status == 200

    def away(database: Database, known: object = None) -> object:
        raise DatabaseError("gone")

    monkeypatch.setattr("dockyard.server.access.state.current", away)
    assert place.call("GET", "/v2/", auth=root).status == 200
    later(31, monkeypatch)
    assert place.call("GET", "/v2/", auth=root).status == 503


def test_events_name_the_caller_and_where_it_was(place: Place, root: str) -> None:
    from sqlalchemy import select

    from dockyard.server.schema.events import EVENT

    place.project("team")
    made, secret = robots.add(place.database, SYSTEM, "team", "ci", [Permission((), frozenset({"pull", "push"}))])
    auth = basic(made.name, secret)
    place.image("team/web", "1", auth=auth)
    place.call.address = "192.0.2.200"
    place.image("team/web", "2", auth=auth)
    with place.database.read() as connection:
        rows = connection.execute(select(EVENT.c.actor, EVENT.c.address).where(EVENT.c.kind == "push")).all()
    assert [tuple(row) for row in rows] == [("robot+team+ci", "192.0.2.7"), ("robot+team+ci", "192.0.2.200")]


def test_from_anybody_but_the_proxy_forwarded_headers_say_nothing(opened: Callable[..., Place]) -> None:
    # The calls come from 192.0.2.7.
    for trusted, host in ((("192.0.2.0/24",), "hub.test"), (("10.0.0.0/8",), "a.test")):
        place = opened(proxy=Proxy(trusted=trusted))
        place.user("root", admin=True)
        said = {"host": "a.test", "x-forwarded-host": "hub.test"}
        challenge = place.call("GET", "/v2/", headers=said).headers["www-authenticate"]
        assert challenge.startswith(f'Bearer realm="http://{host}/token"')


@pytest.mark.slow
def test_many_who_come_at_once_with_one_password_cost_one_check(
    opened: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = opened()
    auth = place.user("root", admin=True)
    checks = []
    real = secret.password_right

    def slow(kept: str | None, password: str) -> bool:
        checks.append(password)
        time.sleep(0.2)
        return real(kept, password)

    monkeypatch.setattr(secret, "password_right", slow)
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda _: place.call("GET", "/v2/", auth=auth).status, range(40)))
    assert found == [200] * 40
    assert len(checks) == 1
    with ThreadPoolExecutor(8) as threads:
        wrong = list(threads.map(lambda _: place.call("GET", "/v2/", auth=basic("root", "wrong one")).status, range(8)))
    assert wrong == [401] * 8
