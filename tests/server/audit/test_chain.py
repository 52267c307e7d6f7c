"""The audit log: read, exported, and proved to be whole; whoever tampers is seen."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from dockyard.server.audit import chain
from dockyard.server.audit.chain import Flaw
from dockyard.server.audit.pruning import AuditPruneError, prune
from dockyard.server.audit.read import Wanted, comma_separated, every, json_lines, page
from dockyard.server.clock import now
from dockyard.server.database import Database, open_database
from dockyard.server.events import record
from dockyard.server.following import follow
from dockyard.server.schema.audit import AUDIT_LINK
from dockyard.server.schema.events import EVENT


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("", tmp_path)
    yield database
    database.close()


def happen(database: Database, count: int, kind: str = "push", **rest: Any) -> None:
    def work(connection: Any) -> None:
        for number in range(count):
            record(connection, kind, **{"repository": "shop/web", "reference": str(number), **rest})

    database.write(work)


def tamper(database: Database, statement: Any) -> None:
    database.write(lambda connection: connection.execute(statement).rowcount)


def test_untouched_events_are_whole(database: Database) -> None:
    happen(database, 450)
    assert chain.extend(database) == 450
    happen(database, 3)
    found = chain.verify(database)
    assert (found.whole, found.events, found.unlinked, found.head_event) == (True, 453, 3, 450)
    assert chain.extend(database) == 3
    assert chain.verify(database, expected=found.head).known is True
    assert chain.verify(database, expected="f" * 64).whole is False


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        (lambda: update(EVENT).where(EVENT.c.id == 5).values(actor="somebody"), Flaw("changed", 5)),
        (lambda: update(EVENT).where(EVENT.c.id == 1).values(at=1), Flaw("changed", 1)),
        (lambda: update(EVENT).where(EVENT.c.id == 9).values(detail='{"a":1}'), Flaw("changed", 9)),
        (lambda: delete(EVENT).where(EVENT.c.id == 5), Flaw("missing", 5)),
        (lambda: delete(EVENT).where(EVENT.c.id == 10), Flaw("missing", 10)),
        (lambda: update(AUDIT_LINK).where(AUDIT_LINK.c.event_id == 3).values(hash="0" * 64), Flaw("changed", 3)),
        (lambda: delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id == 4), Flaw("added", 4)),
        (lambda: insert(EVENT).values(id=0, at=1, kind="push"), Flaw("added", 0)),
    ],
)
def test_whatever_is_changed_shows(database: Database, statement: Callable[[], Any], flaw: Flaw) -> None:
    happen(database, 10)
    chain.extend(database)
    tamper(database, statement())
    found = chain.verify(database)
    assert flaw in found.flaws
    assert not found.whole


def test_an_event_removed_together_with_its_link_shows(database: Database) -> None:
    happen(database, 10)
    chain.extend(database)
    tamper(database, delete(EVENT).where(EVENT.c.id == 5))
    tamper(database, delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id == 5))
    assert chain.verify(database).flaws == [Flaw("changed", 6)]


def test_an_end_that_was_cut_off_shows(database: Database) -> None:
    happen(database, 10)
    chain.extend(database)
    tamper(database, delete(EVENT).where(EVENT.c.id > 7))
    tamper(database, delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id > 7))
    assert chain.verify(database).flaws == [Flaw("missing", 10)]


def test_a_chain_made_anew_is_known_by_the_link_that_somebody_kept(database: Database) -> None:
    happen(database, 10)
    chain.extend(database)
    kept = chain.verify(database).head
    tamper(database, update(EVENT).where(EVENT.c.id == 5).values(actor="somebody"))
    with database.read() as connection:
        events = [dict(row) for row in connection.execute(select(EVENT).order_by(EVENT.c.id)).mappings()]
    before = chain.START
    for event in events:
        before = chain.link(before, event)
        tamper(database, update(AUDIT_LINK).where(AUDIT_LINK.c.event_id == event["id"]).values(hash=before))
    assert chain.verify(database).whole
    assert not chain.verify(database, expected=kept).whole


def test_old_events_go_only_on_purpose_and_leave_a_checkpoint(database: Database) -> None:
    happen(database, 10)
    tamper(database, update(EVENT).where(EVENT.c.id <= 6).values(at=1000))
    assert prune(database, 2000) == 6
    found = chain.verify(database)
    assert (found.whole, found.begins_after, found.events) == (True, 6, 5)
    assert [(each["event_id"], each["removed"]) for each in chain.checkpoints(database)] == [(6, 6)]
    assert page(database, Wanted(kind="audit.*"))[0].detail["removed"] == 6
    happen(database, 3)
    chain.extend(database)
    assert chain.verify(database, expected=chain.checkpoints(database)[0]["hash"]).whole
    tamper(database, insert(EVENT).values(id=2, at=1, kind="push"))
    assert chain.verify(database).flaws == [Flaw("added", 2)]


def test_all_events_can_go_and_no_number_is_given_twice(database: Database) -> None:
    happen(database, 4)
    assert prune(database, now() + 1000) == 4
    happen(database, 1)
    assert [each.id for each in every(database, Wanted())] == [5, 6]
    chain.extend(database)
    assert chain.verify(database).whole


def test_events_that_a_follower_has_not_read_stay(database: Database) -> None:
    happen(database, 4)
    follow(database, "webhooks", lambda event: None, most=2)
    with pytest.raises(AuditPruneError):
        prune(database, now() + 1000)
    follow(database, "webhooks", lambda event: None)
    assert prune(database, now() + 1000) == 4


def test_pages_are_told_apart_by_project_actor_kind_and_time(database: Database) -> None:
    happen(database, 5)
    happen(database, 2, "quota.warning", project="other", repository="")
    assert [each.id for each in page(database, Wanted(), count=3)] == [7, 6, 5]
    assert [each.id for each in page(database, Wanted(), before=5, count=3)] == [4, 3, 2]
    assert {each.kind for each in page(database, Wanted(projects=("other",)))} == {"quota.warning"}
    assert page(database, Wanted(projects=())) == []
    assert len(page(database, Wanted(kind="quota.*"))) == 2
    assert len(page(database, Wanted(kind="push", actor="system"))) == 5
    assert page(database, Wanted(actor="nobody")) == []
    tamper(database, update(EVENT).where(EVENT.c.id == 3).values(at=5000))
    assert [each.id for each in page(database, Wanted(since=5000, until=5001))] == [3]


def test_exports_hold_every_event_in_order_whatever_is_in_them(database: Database) -> None:
    happen(database, 1100)
    happen(database, 1, reference='=HYPERLINK("x"),\n"y"', detail={"a": "\N{SNOWMAN}"})
    chain.extend(database)
    lines = [json.loads(each) for each in json_lines(database, Wanted())]
    assert [each["id"] for each in lines] == list(range(1, 1102))
    assert lines[-1]["detail"] == {"a": "\N{SNOWMAN}"}
    assert len(lines[0]["hash"]) == 64
    rows = list(csv.DictReader(io.StringIO("".join(comma_separated(database, Wanted())), newline="")))
    assert [int(each["id"]) for each in rows] == list(range(1, 1102))
    assert rows[-1]["reference"] == '\'=HYPERLINK("x"),\n"y"'
