"""Old events go on purpose, by hand or by schedule, and what stays can still be proved; nobody else's removal can."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, literal, select, update

from dockyard.server.audit import chain, pruning
from dockyard.server.audit.chain import Flaw
from dockyard.server.audit.pruning import AuditPruneError, Pruning, planned, prune
from dockyard.server.audit.read import Wanted, every
from dockyard.server.clock import now
from dockyard.server.database import Database, open_database
from dockyard.server.events import record
from dockyard.server.jobs.history import jobs
from dockyard.server.schedule import ScheduleInvalidError
from dockyard.server.schema.audit import AUDIT_CHECKPOINT, AUDIT_GAP, AUDIT_LINK, AUDIT_PRUNING
from dockyard.server.schema.events import EVENT
from making.postgres import Postgres, postgres
from making.pushed import opened

HOUR = 3_600_000
_NUMBERS = itertools.count()
KEEP = ("delete", "*.delete")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    address = ""
    if request.param == "postgresql":
        found: Postgres = request.getfixturevalue("server")
        address = found.url(f"pruning{next(_NUMBERS)}")
    database = open_database(address, tmp_path)
    yield database
    database.close()


def happen(database: Database, *kinds: str, at: int = 0) -> None:
    """Events of these kinds, at that time or now."""

    def work(connection: Any) -> None:
        for kind in kinds:
            record(connection, kind, repository="shop/web", reference="1")
            if at:
                newest = select(EVENT.c.id).order_by(EVENT.c.id.desc()).limit(1).scalar_subquery()
                connection.execute(update(EVENT).where(EVENT.c.id == newest).values(at=at))

    database.write(work)


def tamper(database: Database, *statements: Any) -> None:
    def work(connection: Any) -> None:
        for each in statements:
            connection.execute(each)

    database.write(work)


def kinds(database: Database) -> list[str]:
    return [each.kind for each in every(database, Wanted())]


@pytest.fixture
def pruned(database: Database) -> Database:
    """Eight old events of which two stayed, and two new ones."""
    happen(database, "push", "delete", "push", "pull", "tag.delete", "push", "pull", "push", at=1000)
    happen(database, "push", "pull")
    assert planned(database, 2000, KEEP) == {"pull": 2, "push": 4}
    assert prune(database, 2000, KEEP) == 6
    chain.extend(database)
    return database


def test_kinds_that_are_to_stay_stay_and_the_rest_is_whole(pruned: Database) -> None:
    assert kinds(pruned) == ["delete", "tag.delete", "push", "pull", "audit.prune"]
    found = chain.verify(pruned)
    assert (found.whole, found.events, found.begins_after) == (True, 5, 1)
    with pruned.read() as connection:
        assert [(each.first, each.last, each.removed) for each in chain.gaps(connection)] == [(3, 4, 2), (6, 8, 3)]
    assert [each["removed"] for each in chain.checkpoints(pruned)] == [6]
    detail = next(iter(every(pruned, Wanted(kind="audit.prune")))).detail
    assert (detail["removed"], detail["kept"]) == (6, list(KEEP))
    happen(pruned, "push", "push")
    assert chain.extend(pruned) == 2
    assert chain.verify(pruned, expected=found.head).whole


def test_what_stayed_once_can_go_later(pruned: Database) -> None:
    assert planned(pruned, 2000) == {"delete": 1, "tag.delete": 1}
    assert prune(pruned, 2000) == 2
    assert kinds(pruned) == ["push", "pull", "audit.prune", "audit.prune"]
    chain.extend(pruned)
    found = chain.verify(pruned)
    assert (found.whole, found.begins_after) == (True, 8)
    with pruned.read() as connection:
        assert chain.gaps(connection) == []


@pytest.mark.parametrize(
    ("statements", "flaw"),
    [
        # An event that was to stay is removed: with its link, without, and as if it had been a gap.
        (lambda: [delete(EVENT).where(EVENT.c.id == 5)], Flaw("missing", 5)),
        (
            lambda: [delete(EVENT).where(EVENT.c.id == 5), delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id == 5)],
            Flaw("missing", 5),
        ),
        (
            lambda: [
                delete(EVENT).where(EVENT.c.id == 5),
                insert(AUDIT_GAP).from_select(
                    ["last_id", "first_id", "before", "hash", "removed"],
                    select(literal(5), literal(5), AUDIT_GAP.c.hash, AUDIT_LINK.c.hash, literal(1))
                    .join_from(AUDIT_GAP, AUDIT_LINK, AUDIT_LINK.c.event_id == AUDIT_GAP.c.last_id + 1)
                    .where(AUDIT_GAP.c.last_id == 4),
                ),
                delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id == 5),
            ],
            Flaw("removed", 1),
        ),
        # The front is cut off as a checkpoint would cut it.
        (
            lambda: [
                delete(EVENT).where(EVENT.c.id <= 2),
                insert(AUDIT_CHECKPOINT).from_select(
                    ["event_id", "hash", "removed", "at", "actor"],
                    select(AUDIT_LINK.c.event_id, AUDIT_LINK.c.hash, literal(1), literal(1), literal("x")).where(
                        AUDIT_LINK.c.event_id == 2
                    ),
                ),
                delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id <= 2),
            ],
            Flaw("removed", 2),
        ),
        # Something is put into a gap, or the gap is another.
        (lambda: [insert(EVENT).values(id=4, at=1, kind="push")], Flaw("added", 4)),
        (lambda: [insert(AUDIT_LINK).values(event_id=7, hash="0" * 64)], Flaw("missing", 7)),
        (lambda: [update(AUDIT_GAP).where(AUDIT_GAP.c.last_id == 8).values(hash="1" * 64)], Flaw("changed", 9)),
        (lambda: [update(AUDIT_GAP).where(AUDIT_GAP.c.last_id == 8).values(removed=1)], Flaw("removed", 1)),
        (lambda: [delete(AUDIT_GAP).where(AUDIT_GAP.c.last_id == 4)], Flaw("changed", 5)),
        # The event that tells of the removal is not what it was.
        (lambda: [update(EVENT).where(EVENT.c.id == 11).values(detail="no JSON")], Flaw("removed", 1)),
        (lambda: [delete(EVENT).where(EVENT.c.id == 11)], Flaw("missing", 11)),
    ],
)
def test_no_other_removal_passes_for_one_on_purpose(
    pruned: Database, statements: Callable[[], list[Any]], flaw: Flaw
) -> None:
    assert chain.verify(pruned).whole
    tamper(pruned, *statements())
    found = chain.verify(pruned)
    assert flaw in found.flaws, found.flaws
    assert not found.whole


def test_a_checkpoint_of_an_older_program_is_still_good(database: Database) -> None:
    happen(database, "push", "push", "push", at=1000)
    chain.extend(database)
    with database.read() as connection:
        link = connection.execute(select(AUDIT_LINK.c.hash).where(AUDIT_LINK.c.event_id == 2)).scalar_one()
    tamper(
        database,
        delete(EVENT).where(EVENT.c.id <= 2),
        delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id <= 2),
        insert(AUDIT_CHECKPOINT).values(event_id=2, hash=link, removed=2, at=1, actor="x"),
        insert(EVENT).values(id=4, at=2000, kind="audit.prune", reference="2", detail='{"removed":2,"before":1500}'),
    )
    chain.extend(database)
    assert chain.verify(database).whole
    tamper(database, update(AUDIT_CHECKPOINT).values(hash="0" * 64))
    assert not chain.verify(database).whole


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), rounds=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=6))
def test_any_order_of_events_and_removals_is_whole_and_a_lost_event_shows(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rounds: list[tuple[int, int]]
) -> None:
    choose = random.Random(seed)
    database = open_database("", tmp_path_factory.mktemp("audit"))
    time, expected = 1000, []
    clock = patch("dockyard.server.events.now", side_effect=lambda: time)
    clock.start()
    try:
        for count, keeping in rounds:
            for _ in range(count):
                time += choose.randrange(0, 3)
                kind = choose.choice(["push", "pull", "delete"])
                happen(database, kind)
                expected.append((time, kind))
            keep = ["delete", "p*", "nothing"][: keeping + 1][choose.randrange(keeping + 1) :]
            limit = choose.randrange(1000, time + 2)
            prune(database, limit, keep, together=choose.choice([1, 2, 50]))
            stays = {"delete": "delete" in keep, "push": "p*" in keep, "pull": "p*" in keep}
            expected = [each for each in expected if each[0] >= limit or stays[each[1]]]
            chain.extend(database)
            found = chain.verify(database)
            assert found.whole, found.flaws
            left = [each for each in kinds(database) if each != "audit.prune"]
            assert left == [kind for _, kind in expected]
        with database.read() as connection:
            numbers = connection.execute(select(EVENT.c.id).where(EVENT.c.kind != "audit.prune")).scalars().all()
        if numbers:
            lost = choose.choice(numbers)
            tamper(database, delete(EVENT).where(EVENT.c.id == lost))
            assert Flaw("missing", lost) in chain.verify(database).flaws
    finally:
        clock.stop()
        database.close()


def test_a_schedule_removes_by_itself_what_is_old_enough(database: Database) -> None:
    assert pruning.pruning(database) is None
    assert not pruning.due(database)
    happen(database, "push", "delete", at=now() - 30 * HOUR)
    happen(database, "push", at=now() - 20 * HOUR)
    made = pruning.schedule(database, Pruning("6h", 24, ("delete",)))
    assert made is not None
    assert (made.schedule, made.hours, made.keep) == ("6h", 24, ("delete",))
    assert 5 * HOUR < made.next_at - now() <= 6 * HOUR
    assert not pruning.due(database)
    assert pruning.prune_due(database) == 0
    tamper(database, update(AUDIT_PRUNING).values(next_at=now() - 1))
    assert pruning.due(database)
    assert pruning.prune_due(database) == 1
    assert kinds(database)[:2] == ["delete", "push"]
    assert not pruning.due(database)
    assert pruning.schedule(database, None) is None
    told = [each.detail for each in every(database, Wanted(kind="audit.schedule"))]
    assert told == [{"schedule": "6h", "hours": 24, "keep": ["delete"]}, {"schedule": ""}]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (Pruning("often", 24), ScheduleInvalidError),
        (Pruning("6h", 0), AuditPruneError),
        (Pruning("6h", 10**9), AuditPruneError),
        (Pruning("6h", 24, ("push; drop",)), AuditPruneError),
        (Pruning("6h", 24, ("*",)), AuditPruneError),
        (Pruning("6h", 24, ("push",) * 51), AuditPruneError),
    ],
)
def test_a_schedule_that_is_none_changes_nothing(database: Database, wanted: Pruning, error: type[Exception]) -> None:
    good = pruning.schedule(database, Pruning("6h", 24))
    with pytest.raises(error):
        pruning.schedule(database, wanted)
    assert pruning.pruning(database) == good
    assert json.loads(json.dumps(good.to_json() if good else None))["keep"] == []


def test_a_job_that_was_asked_for_is_asked_for_once(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        number = pruning.ask(instance.jobs, 24, KEEP)
        assert pruning.ask(instance.jobs, 48, ()) is None
        (waiting,) = jobs(instance.database, name="prune")
    assert (waiting.number, waiting.arguments) == (number, {"hours": 24, "keep": list(KEEP)})


@pytest.mark.parametrize(("hours", "keep"), [(0, ()), (10**9, ()), (24, ("push; drop",))])
def test_a_job_is_not_asked_for_what_cannot_be_done(hours: int, keep: tuple[str, ...], tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        with pytest.raises(AuditPruneError):
            pruning.ask(instance.jobs, hours, keep)
        assert jobs(instance.database, name="prune") == []
