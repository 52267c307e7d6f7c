"""Replicating: events and schedules become runs, runs become items, items are copied or deleted until all are done."""

import contextvars
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, ScalarSelect, select, update

from dockyard.content.store import ContentNotFoundError
from dockyard.errors import Error, TransientError
from dockyard.oci.digest import Digest
from dockyard.registry.caller import CALLER, Caller
from dockyard.registry.interface import Registry, WireError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.following import behind, follow_together
from dockyard.server.globs import matches
from dockyard.server.replication import runs
from dockyard.server.replication.copying import Copy, Rate, Turns
from dockyard.server.replication.ends import End, Here, There
from dockyard.server.replication.rules import Rule, rules, secret_of
from dockyard.server.replication.runs import Item
from dockyard.server.rules.labelled import worn
from dockyard.server.schedule import following
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.replication import REPLICATION_RULE, REPLICATION_RUN
from dockyard.server.sealing import Seal

FOLLOWER = "replication"
_LOG = logging.getLogger("dockyard.replication")
_ATTEMPTS = 8
_FIRST_PAUSE_MS = 10_000
_LONGEST_PAUSE_MS = 3_600_000
_AT_ONCE = 32
_ACTIONS = {"push": "copy", "mirror": "copy", "artifact.label": "copy", "delete": "delete", "tag.delete": "delete"}
_WE = Caller("replication", "system")


class Planned(NamedTuple):
    """What a rule would do with a tag, and the bytes that it would send for it."""

    repository: str
    reference: str
    target: str
    action: str
    bytes: int


def due(database: Database) -> bool:
    """Whether there is something to do now."""
    with database.read() as connection:
        late = select(REPLICATION_RULE.c.id).where(REPLICATION_RULE.c.active, REPLICATION_RULE.c.next_at <= now())
        if connection.execute(late.limit(1)).first() is not None:
            return True
    return bool(runs.listing(database) or runs.due(database, 1, set())) or behind(database, FOLLOWER)


def ask(database: Database, rule: Rule) -> int:
    """Let a rule run as soon as the server can; returns the number of the run."""
    return database.write(lambda connection: runs.begin(connection, rule, "asked"))


def replicate(
    database: Database,
    registry: Registry,
    seal: Seal,
    *,
    progress: Callable[[str], None] = lambda text: None,
    seconds: float = 300.0,
) -> dict[str, int]:
    """Do what is due, until nothing is or `seconds` are over (copies under way are finished); returns the counts.

    May be cut off anywhere: what was not done is done the next time, and what the other end has is not sent again.
    """
    ends = time.monotonic() + seconds
    total: Counter[str] = Counter()
    work = _Work(database, registry, seal)
    running: dict[Future[Counter[str]], Item] = {}
    with ThreadPoolExecutor(_AT_ONCE, "replication") as pool:
        while True:
            _take_events(database)
            _take_schedules(database)
            work.refresh()
            for run, rule, attempts in runs.listing(database):
                work.find(run, rule, attempts)
            if time.monotonic() < ends:
                for item in work.startable(list(running.values())):
                    context = contextvars.copy_context()
                    running[pool.submit(context.run, work.carry_out, item)] = item
            if not running:
                break
            finished, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for each in finished:
                del running[each]
                total.update(each.result())
            progress(", ".join(f"{count} {name}" for name, count in sorted(total.items())))
    return dict(total)


def plan(database: Database, registry: Registry, seal: Seal, rule: Rule) -> Iterator[Planned]:
    """What a run of the rule would do, changing nothing.

    Raises:
        TransientError, RegistryDeniedError, RegistryRefusedError: from the other registry.
    """
    source, target = _ends(database, registry, seal, rule)
    for repository, reference, action in _work_of(database, rule, source, target):
        name = rule.named(repository)
        if action == "delete":
            yield Planned(repository, reference, name, action, 0)
            continue
        ends = source.place(repository), target.place(name)
        copy = Copy(*ends, name, rate=Rate(0), turns=Turns(), override=rule.override, dry=True)
        copy.run(reference)
        if copy.counts["tags"] or copy.counts["manifests"]:
            yield Planned(repository, reference, name, action, copy.counts["bytes"])


class _Work:
    """What the copies of one call of `replicate` share."""

    def __init__(self, database: Database, registry: Registry, seal: Seal) -> None:
        self._database, self._registry, self._seal = database, registry, seal
        self._rules: dict[int, Rule] = {}
        self._ends: dict[int, tuple[Rule, End, End, Rate]] = {}
        self._turns = Turns()

    def refresh(self) -> None:
        with self._database.read() as connection:
            self._rules = {each.number: each for each in rules(connection)}

    def find(self, run: int, number: int, attempts: int) -> None:
        """Find out what a run has to do."""
        rule = self._rules.get(number)
        if rule is None or not rule.active:
            return
        try:
            source, target, _ = self._both(rule)
            items = list(_work_of(self._database, rule, source, target))
        except Exception as error:  # noqa: BLE001 (kept with the run, for people to read)
            runs.postponed(self._database, run, _said(error), _again(error, attempts))
            return
        runs.listed(self._database, run, items)

    def startable(self, running: Sequence[Item]) -> list[Item]:
        """Items to begin with now: of each rule as many as it allows, and none twice at a time."""
        found = []
        counts = Counter(each.rule for each in running)
        busy = {(each.rule, each.repository, each.reference) for each in running}
        for item in runs.due(self._database, 4 * _AT_ONCE, {each.number for each in running}):
            rule = self._rules.get(item.rule)
            key = (item.rule, item.repository, item.reference)
            if rule is not None and counts[item.rule] < rule.parallel and key not in busy:
                counts[item.rule] += 1
                busy.add(key)
                found.append(item)
        return found[: _AT_ONCE - len(running)]

    def carry_out(self, item: Item) -> Counter[str]:
        """Copy or delete."""
        CALLER.set(_WE)
        rule = self._rules[item.rule]
        try:
            counts = self._done(rule, item)
        except Exception as error:  # noqa: BLE001 (kept with the item, for people to read)
            if not isinstance(error, Error):
                _LOG.exception("replication of %s:%s failed", item.repository, item.reference)
            again = _again(error, item.attempts)
            runs.failed(self._database, item, _said(error), again)
            return Counter({"retried" if again is not None else "failed": 1})
        runs.done(self._database, item, counts)
        return counts

    def _done(self, rule: Rule, item: Item) -> Counter[str]:
        source, target, rate = self._both(rule)
        name = rule.named(item.repository)
        if item.action == "delete":
            reference = Digest.parse(item.reference) if ":" in item.reference else item.reference
            try:
                target.place(name).delete(reference)
            except ContentNotFoundError:
                return Counter({"gone": 1})
            return Counter({"deleted": 1})
        ends = source.place(item.repository), target.place(name)
        copy = Copy(*ends, name, rate=rate, turns=self._turns, override=rule.override)
        try:
            copy.run(item.reference)
        except ContentNotFoundError:
            # Deleted or pushed anew since it was listed: the event of that comes, or has come, too.
            try:
                source.place(item.repository).head(item.reference) if ":" not in item.reference else None
            except ContentNotFoundError:
                return Counter({"gone": 1})
            raise
        return copy.counts

    def _both(self, rule: Rule) -> tuple[End, End, Rate]:
        kept = self._ends.get(rule.number)
        if kept is None or kept[0] != rule:
            source, target = _ends(self._database, self._registry, self._seal, rule)
            kept = self._ends[rule.number] = (rule, source, target, Rate(rule.rate))
        return kept[1], kept[2], kept[3]


def _ends(database: Database, registry: Registry, seal: Seal, rule: Rule) -> tuple[End, End]:
    here, there = Here(registry), There(rule, secret_of(database, seal, rule))
    return (here, there) if rule.direction == "push" else (there, here)


def _work_of(database: Database, rule: Rule, source: End, target: End) -> Iterator[tuple[str, str, str]]:
    """Repository, reference and action for all that a rule is about. What has lost its label stays where it is."""
    for repository in source.repositories(rule.repositories):
        try:
            tags = {tag for tag in source.place(repository).tags() if rule.fits(repository, tag)}
        except ContentNotFoundError:  # deleted in the meantime
            continue
        wanted = tags & _labelled(database, rule.labels, repository) if rule.labels else tags
        yield from ((repository, tag, "copy") for tag in sorted(wanted) if not _belongs(tag))
        if rule.deletions:
            try:
                there = target.place(rule.named(repository)).tags()
            except ContentNotFoundError:  # never copied there: nothing to delete
                continue
            gone = {tag for tag in there if rule.fits(repository, tag)} - tags
            yield from ((repository, tag, "delete") for tag in sorted(gone))


def _belongs(tag: str) -> bool:
    """Whether a tag only says what belongs to another manifest, and so is copied with that."""
    algorithm, dash, rest = tag.partition("-")
    return bool(dash) and algorithm in ("sha256", "sha512") and len(rest.partition(".")[0]) >= 64


def _take_events(database: Database) -> None:
    """Let pushes and deletions become runs of the rules that want them."""

    def handle(connection: Connection, events: Sequence[RowMapping]) -> None:
        for rule in rules(connection):
            if not (rule.active and rule.events):
                continue
            items = list(dict.fromkeys(item for event in events for item in _items(connection, rule, event)))
            if items:
                runs.put(database, connection, runs.begin(connection, rule, "event", listed=True), items)

    while follow_together(database, FOLLOWER, handle):
        pass


def _items(connection: Connection, rule: Rule, event: RowMapping) -> Iterator[tuple[str, str, str]]:
    action, repository = _ACTIONS.get(event["kind"]), event["repository"]
    if action is None or (action == "delete" and not rule.deletions) or not rule.fits(repository, ""):
        return
    if event["kind"] == "artifact.label":
        if rule.labels and _has_label(connection, rule, repository, event["digest"]):
            names = _tags_of(connection, repository, event["digest"])
            yield from ((repository, tag, action) for tag in names if rule.fits(repository, tag) and not _belongs(tag))
        return
    reference = event["reference"] or event["digest"]
    plain = ":" not in reference and not _belongs(reference)
    if rule.labels and plain and action == "copy" and not _has_label(connection, rule, repository, event["digest"]):
        return
    # What was pushed by digest is part of an index, and comes with that; or it refers to an image that the rule takes.
    taken = plain and rule.fits(repository, reference)
    if (
        taken
        or (rule.tags == "**" and not rule.labels)
        or (action == "copy" and not plain and _refers(connection, rule, repository, reference))
    ):
        yield repository, reference, action


def _refers(connection: Connection, rule: Rule, repository: str, reference: str) -> bool:
    """Whether a manifest, or the tag of a list or signature, refers to an image with a tag that the rule takes."""
    subject: str | None = reference.partition(".")[0].replace("-", ":", 1)
    if ":" in reference:
        mine = (MANIFEST.c.repository_id == _number(repository), MANIFEST.c.digest == reference)
        subject = connection.execute(select(MANIFEST.c.subject).where(*mine)).scalar()
    if subject is None or not _has_label(connection, rule, repository, subject):
        return False
    return any(rule.fits(repository, tag) for tag in _tags_of(connection, repository, subject))


def _number(repository: str) -> ScalarSelect[int]:
    return select(REPOSITORY.c.id).where(REPOSITORY.c.name == repository).scalar_subquery()


def _tags_of(connection: Connection, repository: str, digest: str) -> list[str]:
    mine = (TAG.c.repository_id == _number(repository), TAG.c.digest == digest)
    return [str(each) for each in connection.execute(select(TAG.c.name).where(*mine).order_by(TAG.c.name)).scalars()]


def _has_label(connection: Connection, rule: Rule, repository: str, digest: str) -> bool:
    """Whether an image here has a label that the rule asks for, or it asks for none."""
    if not rule.labels:
        return True
    number = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == repository)).scalar()
    found = worn(connection, int(number), [digest]).get(digest, ()) if number is not None else ()
    return any(matches(rule.labels, each.name) for each in found)


def _labelled(database: Database, pattern: str, repository: str) -> set[str]:
    """The tags of a repository here that lead to images with such a label."""
    with database.read() as connection:
        number = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == repository)).scalar()
        if number is None:
            return set()
        labels = worn(connection, int(number))
        fitting = {digest for digest, found in labels.items() if any(matches(pattern, each.name) for each in found)}
        rows = connection.execute(select(TAG.c.name, TAG.c.digest).where(TAG.c.repository_id == number)).all()
    return {str(name) for name, digest in rows if digest in fitting}


def _take_schedules(database: Database) -> None:
    """Begin the runs that schedules want; a rule whose last one still goes on waits for the next time."""

    def work(connection: Connection) -> None:
        for rule in rules(connection):
            if not (rule.active and rule.schedule and rule.next_at is not None and rule.next_at <= now()):
                continue
            mine = REPLICATION_RUN.c.rule_id == rule.number
            open_ones = select(REPLICATION_RUN.c.id).where(
                mine, REPLICATION_RUN.c.trigger == "schedule", REPLICATION_RUN.c.state.in_(("listing", "running"))
            )
            if connection.execute(open_ones.limit(1)).first() is None:
                runs.begin(connection, rule, "schedule")
            following_at = following(rule.schedule, now())
            statement = update(REPLICATION_RULE).where(REPLICATION_RULE.c.id == rule.number)
            connection.execute(statement.values(next_at=following_at))

    with database.read() as connection:
        wanted = select(REPLICATION_RULE.c.id).where(REPLICATION_RULE.c.active, REPLICATION_RULE.c.next_at <= now())
        if connection.execute(wanted.limit(1)).first() is None:
            return
    database.write(work)


def _again(error: Exception, attempts: int) -> int | None:
    """When to try again; None for never."""
    passing = isinstance(error, TransientError | OSError) or (isinstance(error, WireError) and error.code.status >= 500)
    if not passing or attempts + 1 >= _ATTEMPTS:
        return None
    return now() + min(_FIRST_PAUSE_MS << attempts, _LONGEST_PAUSE_MS)


def _said(error: Exception) -> str:
    text: Any = error.message if isinstance(error, Error) else f"{type(error).__name__}: {error}"
    return str(text)
