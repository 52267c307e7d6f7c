"""Webhooks over real HTTP: delivered once, tried again, given up, logged, and never sent where they must not go."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.server.database import Database
from dockyard.server.following import begin_at_the_end
from dockyard.server.instance import Instance
from dockyard.server.schema.webhooks import ATTEMPT, DELIVERY, WEBHOOK
from dockyard.server.sealing import Seal, SealBrokenError
from dockyard.server.webhooks import kept, log, outbox, trial
from dockyard.server.webhooks.deliver import deliver, due
from dockyard.server.webhooks.kept import WebhookInvalidError, WebhookUnknownError
from dockyard.server.webhooks.log import DeliveryUnknownError, deliveries, redeliver
from dockyard.server.webhooks.reaching import public
from dockyard.server.webhooks.sending import send
from dockyard.server.webhooks.settings import Webhooks
from dockyard.server.webhooks.signature import verified
from making.pushed import image, opened
from making.receivers import Receiver

pytestmark = pytest.mark.slow

BASE = "http://registry.test"
QUICK = Webhooks(private_addresses=True, timeout=0.5, attempts=3, first_pause=0.05)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path) as instance:
        begin_at_the_end(instance.database, outbox.FOLLOWER)
        yield instance


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def go(instance: Instance, settings: Webhooks = QUICK) -> dict[str, int]:
    return deliver(instance.database, instance.seal, settings, BASE)


def rows(database: Database, table: Any) -> int:
    with database.read() as connection:
        return len(connection.execute(table.select()).all())


def test_a_push_is_told_once_signed_and_logged(instance: Instance, receiver: Receiver) -> None:
    made, secret = kept.add(instance.database, instance.seal, receiver.url, kinds=["push"], authorization="Bearer t")
    digest = image(instance.registry, "shop/web", "1.0")
    assert due(instance.database) is False
    assert go(instance) == {"delivered": 1, "failed": 0}
    assert go(instance) == {"delivered": 0, "failed": 0}
    [request] = receiver.requests
    document = json.loads(request.body)
    assert (document["subject"], document["data"]["digest"]) == ("shop/web:1.0", str(digest))
    assert document["data"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert verified(secret, request.headers, request.body, seconds=int(time.time()))
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["user-agent"].startswith("dockyard/")
    [delivery] = deliveries(instance.database, webhook=made.number)
    assert (delivery.state, delivery.attempts, delivery.kind) == ("done", 1, "push")
    assert [each.status for each in delivery.tries] == [204]
    assert json.loads(delivery.body) == document


def test_a_receiver_that_fails_is_tried_again_and_gets_it_when_it_recovers(
    instance: Instance, receiver: Receiver
) -> None:
    kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    image(instance.registry, "shop/web", "1.0")
    receiver.status, receiver.answer = 500, b"out of order" + b"x" * 5000
    begun = time.monotonic()
    assert go(instance) == {"delivered": 0, "failed": 1}
    receiver.status = 200
    waiting = not due(instance.database)
    assert waiting or time.monotonic() - begun > QUICK.first_pause, "it waits before it tries again"
    time.sleep(2 * QUICK.first_pause)
    assert due(instance.database) is True
    assert go(instance) == {"delivered": 1, "failed": 0}
    [delivery] = deliveries(instance.database)
    assert [(each.status, bool(each.error)) for each in delivery.tries] == [(500, True), (200, False)]
    assert len(delivery.tries[0].answer) == 1024
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


def test_what_is_never_taken_is_dead_after_the_last_try_and_can_be_sent_again(
    instance: Instance, receiver: Receiver
) -> None:
    kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    image(instance.registry, "shop/web", "1.0")
    receiver.status = 503
    for _ in range(5):
        go(instance)
        time.sleep(0.25)
    [delivery] = deliveries(instance.database, state="dead")
    assert (delivery.attempts, len(receiver.requests)) == (3, 3)
    receiver.status = 204
    redeliver(instance.database, delivery.number)
    assert go(instance)["delivered"] == 1
    assert deliveries(instance.database)[0].state == "done"
    with pytest.raises(DeliveryUnknownError):
        redeliver(instance.database, 999)


def test_a_receiver_that_is_gone_for_good_is_not_tried_again(instance: Instance, receiver: Receiver) -> None:
    kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    image(instance.registry, "shop/web", "1.0")
    receiver.status = 410
    go(instance)
    assert [each.state for each in deliveries(instance.database)] == ["dead"]


def test_a_receiver_that_hangs_holds_up_no_other(instance: Instance, receiver: Receiver) -> None:
    slow = Receiver()
    slow.hang = 1.5
    try:
        kept.add(instance.database, instance.seal, slow.url, kinds=["push"])
        kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
        for number in range(5):
            image(instance.registry, "shop/web", str(number))
        begun = time.monotonic()
        counts = deliver(instance.database, instance.seal, QUICK, BASE, seconds=0.1)
        assert time.monotonic() - begun < 3
        assert counts["delivered"] == 5
        assert [json.loads(each.body)["data"]["reference"] for each in receiver.requests] == list("01234")
        assert "within 0.5 s" in deliveries(instance.database, webhook=1)[-1].tries[0].error
    finally:
        slow.close()


def test_an_answer_that_comes_a_byte_at_a_time_is_cut_off(receiver: Receiver) -> None:
    receiver.drip = True
    begun = time.monotonic()
    outcome = send(receiver.url, {}, b"{}", QUICK)
    assert time.monotonic() - begun < 2
    assert outcome.status is None
    assert "within 0.5 s" in outcome.error


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.url + "/elsewhere"}
    outcome = send(receiver.url, {}, b"{}", QUICK)
    assert (outcome.status, outcome.delivered, len(receiver.requests)) == (307, False, 1)
    assert "redirect" in outcome.error


def test_private_addresses_and_other_hosts_are_refused_unless_allowed(receiver: Receiver) -> None:
    outcome = send(receiver.url, {}, b"{}", Webhooks())
    assert (outcome.status, receiver.requests) == (None, [])
    assert "not a public address" in outcome.error
    outcome = send(receiver.url, {}, b"{}", Webhooks(private_addresses=True, hosts=["ci.example"]))
    assert "not among the hosts" in outcome.error
    assert receiver.requests == []
    for private in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%1", "::ffff:127.0.0.1", "0.0.0.0"):
        assert not public(private), private
    assert not public("224.0.0.1")
    assert public("93.184.215.14")
    assert public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def test_a_webhook_hears_only_what_it_asked_for(instance: Instance, receiver: Receiver) -> None:
    add = kept.add
    image(instance.registry, "shop/web", "0")
    go(instance)
    mine, _ = add(
        instance.database, instance.seal, receiver.url, project="shop", kinds=["tag.*"], repositories="shop/w*"
    )
    image(instance.registry, "shop/web", "1")
    image(instance.registry, "shop/api", "1")
    image(instance.registry, "other/web", "1")
    for name in ("shop/web", "shop/api", "other/web"):
        instance.registry.delete_manifest(name, "1")
    go(instance)
    assert [json.loads(each.body)["subject"] for each in receiver.requests] == ["shop/web:1"]
    kept.switch(instance.database, mine.number, active=False)
    instance.registry.delete_manifest("shop/web", "0")
    go(instance)
    assert len(receiver.requests) == 1
    kept.switch(instance.database, mine.number, active=True)
    go(instance)
    assert len(receiver.requests) == 1, "what happened meanwhile has passed it by"


def test_findings_are_told_to_the_projects_that_have_the_image(instance: Instance, receiver: Receiver) -> None:
    from dockyard.server.events import record

    digest = image(instance.registry, "shop/web", "1")
    image(instance.registry, "other/web", "1")
    kept.add(instance.database, instance.seal, receiver.url, project="shop", kinds=["finding.new"])
    instance.database.write(
        lambda connection: record(connection, "finding.new", digest=str(digest), detail={"count": 2})
    )
    go(instance)
    [request] = receiver.requests
    data = json.loads(request.body)["data"]
    assert (data["repositories"], data["detail"]) == (["shop/web"], {"count": 2})


def test_pulls_are_told_together_with_their_number(instance: Instance, receiver: Receiver) -> None:
    from dockyard.server.pulls import PullEvents

    digest = image(instance.registry, "shop/web", "1")
    pulls = PullEvents(instance.database, always=False)
    pulls.pulled("shop/web", "1", digest)
    assert pulls.flush() == 0, "nobody wants them"
    kept.add(instance.database, instance.seal, receiver.url, kinds=["pull"])
    pulls.flush()
    for _ in range(3):
        pulls.pulled("shop/web", "1", digest)
    assert pulls.flush() == 1
    go(instance)
    [request] = receiver.requests
    assert json.loads(request.body)["data"]["detail"] == {"count": 3}


def test_a_removed_webhook_takes_its_deliveries_along(instance: Instance, receiver: Receiver) -> None:
    made, _ = kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    image(instance.registry, "shop/web", "1")
    go(instance)
    kept.remove(instance.database, made.number)
    assert [rows(instance.database, table) for table in (WEBHOOK, DELIVERY, ATTEMPT)] == [0, 0, 0]
    with pytest.raises(WebhookUnknownError):
        kept.remove(instance.database, made.number)


def test_the_log_of_what_is_over_is_forgotten_after_a_time(instance: Instance, receiver: Receiver) -> None:
    kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    image(instance.registry, "shop/web", "1")
    go(instance)
    [delivery] = deliveries(instance.database)
    assert delivery.finished_at is not None
    assert log.forget(instance.database, delivery.finished_at) == 0
    assert log.forget(instance.database, delivery.finished_at + 1) == 1
    assert deliveries(instance.database) == []


@pytest.mark.parametrize(
    ("url", "kinds", "form"),
    [
        ("ftp://host/", ["push"], "cloudevents"),
        ("http://", ["push"], "cloudevents"),
        ("http://user:secret@host/", ["push"], "cloudevents"),
        ("http://host:99999/", ["push"], "cloudevents"),
        ("http://host/\r\nX: y", ["push"], "cloudevents"),
        ("http://host/", [], "cloudevents"),
        ("http://host/", ["pu sh"], "cloudevents"),
        ("http://host/", ["push"], "xml"),
    ],
)
def test_a_malformed_webhook_is_refused(instance: Instance, url: str, kinds: list[str], form: str) -> None:
    with pytest.raises(WebhookInvalidError):
        kept.add(instance.database, instance.seal, url, kinds=kinds, form=form)


def test_secrets_are_not_readable_in_the_database_nor_with_another_key(instance: Instance, tmp_path: Path) -> None:
    made, secret = kept.add(instance.database, instance.seal, "https://ci.example/", authorization="Bearer hush")
    with instance.database.read() as connection:
        row = connection.execute(WEBHOOK.select()).one()
    assert secret not in row.secret
    assert "hush" not in row.authorization
    assert kept.secrets_of(instance.database, instance.seal, made.number) == (secret, "Bearer hush")
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SealBrokenError):
        kept.secrets_of(instance.database, Seal(tmp_path / "other.key"), made.number)
    with pytest.raises(SealBrokenError):
        instance.seal.open(row.secret, "replication")


def test_a_change_keeps_what_it_does_not_name_and_a_wrong_one_changes_nothing(
    instance: Instance, receiver: Receiver
) -> None:
    made, secret = kept.add(instance.database, instance.seal, receiver.url, kinds=["push"], authorization="Bearer t")
    changed = kept.change(instance.database, instance.seal, made.number, kinds=["quota.*"], repositories="shop/{a,b}")
    assert (changed.url, changed.kinds, changed.repositories) == (receiver.url, ("quota.*",), "shop/{a,b}")
    assert kept.secrets_of(instance.database, instance.seal, made.number) == (secret, "Bearer t")
    with pytest.raises(WebhookInvalidError):
        kept.change(instance.database, instance.seal, made.number, url="ftp://x", kinds=["push"])
    assert kept.get(instance.database, made.number) == changed
    with pytest.raises(WebhookUnknownError):
        kept.change(instance.database, instance.seal, 99, active=False)


def test_a_test_is_sent_at_once_whatever_the_webhook_hears_of_and_only_once(
    instance: Instance, receiver: Receiver
) -> None:
    made, secret = kept.add(instance.database, instance.seal, receiver.url, kinds=["quota.*"])
    kept.switch(instance.database, made.number, active=False)
    sent = trial.test(instance.database, instance.seal, QUICK, BASE, made.number)
    assert (sent.state, sent.attempts, sent.tries[0].status) == ("done", 1, 204)
    [request] = receiver.requests
    assert json.loads(request.body)["type"] == "dev.dockyard.registry.webhook.test"
    assert verified(secret, request.headers, request.body, seconds=int(time.time()))
    assert go(instance) == {"delivered": 0, "failed": 0}
    receiver.status = 500
    assert trial.test(instance.database, instance.seal, QUICK, BASE, made.number).state == "dead"
    assert go(instance) == {"delivered": 0, "failed": 0}
    with pytest.raises(WebhookUnknownError):
        trial.test(instance.database, instance.seal, QUICK, BASE, 99)
