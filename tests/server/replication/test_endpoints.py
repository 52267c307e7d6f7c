"""Endpoints of replication against real servers of ours: rules follow them, and they say whether they answer."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dockyard.server.access import users
from dockyard.server.access.naming import NameTakenError
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.database import open_database
from dockyard.server.instance import Instance
from dockyard.server.replication import endpoints, replicate, rules
from dockyard.server.replication.endpoints import (
    Endpoint,
    EndpointInvalidError,
    EndpointUnknownError,
    EndpointUsedError,
)
from dockyard.server.replication.pinging import ping
from dockyard.server.replication.rules import ReplicationRuleInvalidError, Rule
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.replication import REPLICATION_ENDPOINT
from making.answering import Answering, Handler
from making.pushed import image, opened
from making.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path / "here") as instance:
        yield instance


def add(instance: Instance, name: str, registry: str, secret: str = "", **rest: Any) -> Endpoint:
    return endpoints.add(instance.database, instance.seal, Endpoint(0, name, registry, **rest), secret)


def rule(instance: Instance, name: str, **rest: Any) -> Rule:
    return rules.add(instance.database, instance.seal, Rule(0, name, "push", **{"registry": "", **rest}))


class _NoRegistry(Handler):
    def respond(self, body: bytes) -> None:
        self.answer(404)


def test_rules_copy_to_where_their_endpoint_is_and_follow_it(instance: Instance, there: Server, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    later = Server(tmp_path / "later")
    try:
        image(instance.registry, "team/web", "1")
        add(instance, "backup", there.address)
        first = rule(instance, "first", endpoint="backup", repositories="team/*", target="one/{last}")
        second = rule(instance, "second", endpoint="backup", repositories="team/*", target="two/{last}")
        assert (first.registry, second.endpoint) == (there.address, "backup")
        assert endpoints.named(instance.database, "backup").rules == ("first", "second")
        for each in (first, second):
            replicate.ask(instance.database, each)
        assert replicate.replicate(instance.database, instance.registry, instance.seal, seconds=30)["tags"] == 2
        endpoints.change(instance.database, instance.seal, "backup", registry=later.address)
        found = rules.named(instance.database, "second")
        assert found.registry == later.address
        (planned,) = replicate.plan(instance.database, instance.registry, instance.seal, found)
        assert planned.target == "two/web"
        replicate.ask(instance.database, found)
        assert replicate.replicate(instance.database, instance.registry, instance.seal, seconds=30)["tags"] == 1
    finally:
        later.kill()


def test_an_endpoint_that_rules_use_stays(instance: Instance) -> None:
    add(instance, "backup", "x.test")
    rule(instance, "first", endpoint="backup")
    with pytest.raises(EndpointUsedError, match="first"):
        endpoints.remove(instance.database, "backup")
    changed = rules.change(instance.database, instance.seal, "first", "p", registry="y.test", username="u")
    assert (changed.endpoint, changed.registry, changed.username) == ("", "y.test", "u")
    assert rules.secret_of(instance.database, instance.seal, changed) == "p"
    endpoints.remove(instance.database, "backup")
    with pytest.raises(EndpointUnknownError):
        endpoints.named(instance.database, "backup")
    with pytest.raises(EndpointUnknownError):
        rules.change(instance.database, instance.seal, "first", endpoint="backup")


def test_what_the_endpoint_says_a_rule_cannot_say_too(instance: Instance) -> None:
    add(instance, "backup", "x.test", "s", username="u")
    with pytest.raises(ReplicationRuleInvalidError, match="the endpoint says the password and username"):
        rules.add(instance.database, instance.seal, Rule(0, "r", "push", "", username="v", endpoint="backup"), "p")
    made = rule(instance, "r", endpoint="backup")
    assert rules.secret_of(instance.database, instance.seal, made) == "s"
    for changes in ({"username": "v"}, {"insecure": True}, {"ca": "/x"}):
        with pytest.raises(ReplicationRuleInvalidError, match="endpoint"):
            rules.change(instance.database, instance.seal, "r", **changes)
    with pytest.raises(ReplicationRuleInvalidError, match="no registry"):
        rules.change(instance.database, instance.seal, "r", endpoint="")
    own = rules.add(instance.database, instance.seal, Rule(0, "own", "push", "y.test", username="v"), "p")
    moved = rules.change(instance.database, instance.seal, "own", endpoint="backup", tags="v*")
    assert (own.username, moved.username, moved.registry, moved.tags) == ("v", "u", "x.test", "v*")
    assert rules.secret_of(instance.database, instance.seal, moved) == "s"


def test_names_and_hosts_that_are_none_are_refused(instance: Instance) -> None:
    for name, registry in (("", "x.test"), ("A", "x.test"), ("a", ""), ("a", "http://x"), ("a", "x/y"), ("a", "[::")):
        with pytest.raises(EndpointInvalidError):
            add(instance, name, registry)
    add(instance, "a", "[::1]:5000")
    with pytest.raises(NameTakenError):
        add(instance, "a", "x.test")
    with pytest.raises(EndpointInvalidError):
        endpoints.change(instance.database, instance.seal, "a", registry="x y")


def test_passwords_are_sealed_and_told_to_nobody(instance: Instance) -> None:
    made = add(instance, "backup", "x.test", "hidden words", username="u")
    endpoints.change(instance.database, instance.seal, "backup", "other words")
    with instance.database.read() as connection:
        kept = connection.execute(select(REPLICATION_ENDPOINT.c.secret)).scalar_one()
        told = " ".join(str(each) for each in connection.execute(select(EVENT.c.detail)).scalars())
        assert endpoints.secret_of(connection, instance.seal, "backup") == "other words"
    assert "words" not in kept + told + str(made.to_json())


def test_an_endpoint_says_whether_it_answers(instance: Instance, there: Server, tmp_path: Path) -> None:
    add(instance, "good", there.address)
    found = ping(instance.database, instance.seal, "good")
    assert (found.trouble, found.catalog) == ("", True)
    assert endpoints.named(instance.database, "good").checked_at is not None
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        add(instance, "nobody", f"127.0.0.1:{taken.getsockname()[1]}")
        assert ping(instance.database, instance.seal, "nobody").trouble
    other = Answering(_NoRegistry)
    try:
        add(instance, "web", other.address)
        assert "no registry" in ping(instance.database, instance.seal, "web").trouble
    finally:
        other.close()
    add(instance, "certified", there.address, ca=str(tmp_path / "none.pem"))
    assert ping(instance.database, instance.seal, "certified").trouble
    assert endpoints.named(instance.database, "certified").trouble
    again = endpoints.change(instance.database, instance.seal, "certified", ca="")
    assert (again.checked_at, again.trouble) == (None, "")
    with pytest.raises(EndpointUnknownError):
        ping(instance.database, instance.seal, "none")


def test_an_endpoint_with_a_wrong_password_says_so(instance: Instance, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    (folder / "registry").mkdir(parents=True)
    database = open_database("", folder / "registry")
    users.add(database, SYSTEM, "root", password="correct horse", admin=True)
    database.close()
    server = Server(folder)
    try:
        add(instance, "locked", server.address, "correct horse", username="root")
        assert ping(instance.database, instance.seal, "locked").trouble == ""
        endpoints.change(instance.database, instance.seal, "locked", "wrong horse")
        assert ping(instance.database, instance.seal, "locked").trouble
    finally:
        server.kill()
