"""Followers see every event once, in order, also where many transactions write at once; on both databases."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from dockyard.server.audit import chain, pruning
from dockyard.server.database import Database, open_database
from dockyard.server.events import record
from dockyard.server.following import begin_at_the_end, behind, follow, follow_together
from dockyard.server.instance import open_instance
from dockyard.server.replication import replicate, rules, runs
from dockyard.server.replication.rules import Rule
from dockyard.server.settings import Settings
from dockyard.server.webhooks import kept
from dockyard.server.webhooks.deliver import deliver
from dockyard.server.webhooks.log import deliveries
from dockyard.server.webhooks.settings import Webhooks
from making.pushed import image
from making.receivers import Receiver

pytestmark = pytest.mark.slow


@pytest.fixture
def database(address: str, tmp_path: Path) -> Iterator[Database]:
    database = open_database(address, tmp_path)
    yield database
    database.close()


def test_no_event_is_passed_over_while_many_are_written(database: Database) -> None:
    writers, each = 6, 25
    seen: list[int] = []
    together: list[int] = []

    def write(writer: int) -> None:
        for number in range(each):

            def work(connection: Connection, number: int = number) -> None:
                record(connection, "push", repository=f"a/{writer}", reference=str(number))
                if database.postgresql:
                    time.sleep(0.002 * (number % 4))  # ends later than it got its number

            database.write(work)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while (len(seen) < writers * each or len(together) < writers * each) and time.monotonic() < deadline:
        follow(database, "one", lambda event: seen.append(int(event["id"])), most=7)
        follow_together(database, "two", lambda connection, events: together.extend(int(e["id"]) for e in events))
    for thread in threads:
        thread.join()
    assert seen == together == sorted(set(seen))
    assert len(seen) == writers * each
    chain.extend(database)
    assert chain.verify(database).whole


def test_what_a_follower_writes_is_undone_with_its_place(database: Database) -> None:
    database.write(lambda connection: record(connection, "push", repository="a/b"))

    def fail(connection: Connection, events: object) -> None:
        record(connection, "quota.warning", project="a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        follow_together(database, "f", fail)
    assert behind(database, "f")
    assert follow_together(database, "f", lambda connection, events: None) == 1
    assert not behind(database, "f")


def test_a_new_follower_may_begin_at_the_end(database: Database) -> None:
    database.write(lambda connection: record(connection, "push", repository="a/b"))
    begin_at_the_end(database, "f")
    begin_at_the_end(database, "f")
    assert not behind(database, "f")
    database.write(lambda connection: record(connection, "push", repository="a/b"))
    assert behind(database, "f")


def test_webhooks_replication_and_their_logs_work_on_either_database(address: str, tmp_path: Path) -> None:
    receiver = Receiver()
    instance = open_instance(Settings(storage=str(tmp_path), database=address))
    try:
        database = instance.database
        kept.add(database, instance.seal, receiver.url, kinds=["push", "replication.*"])
        rules.add(database, instance.seal, Rule(0, "r", "push", "127.0.0.1:9", events=True, schedule="1h"))
        image(instance.registry, "shop/web", "1")
        assert replicate.due(database)
        counts = replicate.replicate(database, instance.registry, instance.seal)
        assert counts == {"retried": 1}
        assert runs.history(database)[0].left == 1
        settings = Webhooks(private_addresses=True)
        assert deliver(database, instance.seal, settings, "http://r")["delivered"] == 2
        assert {each.kind for each in deliveries(database)} == {"push", "replication.create"}
        instance.measuring.flush()
        chain.extend(database)
        assert chain.verify(database).whole
        assert pruning.prune(database, 1) == 0
    finally:
        instance.close()
        receiver.close()
