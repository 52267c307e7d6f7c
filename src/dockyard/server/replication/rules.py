"""The rules of replication: added, switched, listed, removed; who may do that is asked before."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from dockyard.errors import UsageError
from dockyard.registry.protocol.request import name_valid
from dockyard.server.access.naming import NameTakenError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.globs import checked, matches, of_repositories
from dockyard.server.replication import endpoints
from dockyard.server.schedule import check, following
from dockyard.server.schema.replication import REPLICATION_ENDPOINT, REPLICATION_RULE
from dockyard.server.sealing import Seal

Direction = Literal["push", "pull"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PURPOSE = "replication"
_MOST_PARALLEL = 32
_MOST_RATE = 2**50
# What an endpoint says for the rules that use it.
_THERE = ("registry", "username", "insecure", "ca")


class ReplicationRuleInvalidError(UsageError):
    """A part of a rule of replication is not right, or its name is taken."""

    reference = "replication-rule-invalid"
    hint = "`dockyard registry replication --help` shows what each part looks like."


class ReplicationRuleUnknownError(UsageError):
    """There is no rule of replication of that name."""

    reference = "replication-rule-unknown"
    hint = "`dockyard registry replication list` shows them."


@dataclass(frozen=True)
class Rule:
    """A rule without its secret.

    Attributes:
        direction: `push` copies from here to the other registry, `pull` from there.
        registry: the other one: host, with port where it has one. Where the rule has an endpoint this, `username`,
            `insecure` and `ca` are the endpoint's.
        repositories, tags: patterns for names at the source.
        labels: pattern for labels, one of which an image here has; empty for images with any or none (push only).
        target: the repository's name at the destination; `{name}` stands for the whole name at the source, `{rest}` for
            all but its first part, `{last}` for its last part.
        events: whether pushes here are copied as they come (push only).
        schedule: when everything is compared; empty for never.
        deletions: whether what is deleted at the source is deleted at the destination.
        override: whether a tag that leads to something else at the destination is moved; else it is left as it is.
        parallel: how many images are copied at once.
        rate: bytes a second for the whole rule; 0 for no bound.
    """

    number: int
    name: str
    direction: Direction
    registry: str
    repositories: str = "**"
    tags: str = "**"
    target: str = "{name}"
    username: str = ""
    insecure: bool = False
    ca: str = ""
    events: bool = False
    schedule: str = ""
    deletions: bool = False
    override: bool = True
    parallel: int = 2
    rate: int = 0
    active: bool = True
    next_at: int | None = None
    endpoint: str = ""
    labels: str = ""

    def fits(self, repository: str, tag: str) -> bool:
        """Whether a tag is to be copied. Without a tag: whether the repository has some that are."""
        return matches(self.repositories, repository) and (not tag or matches(self.tags, tag))

    def named(self, repository: str) -> str:
        """The name at the destination.

        Raises:
            ReplicationRuleInvalidError: it would be none.
        """
        rest = repository.partition("/")[2] or repository
        parts = {"name": repository, "rest": rest, "last": repository.rpartition("/")[2]}
        found = re.sub(r"\{(name|rest|last)\}", lambda match: parts[match[1]], self.target)
        if not name_valid(found):
            raise ReplicationRuleInvalidError(f"{repository} would be called {found[:200]!r} there")
        return found

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def add(database: Database, seal: Seal, rule: Rule, secret: str = "") -> Rule:
    """Keep a rule; its number is given by the database.

    Raises:
        ReplicationRuleInvalidError, NameTakenError, GlobInvalidError, ScheduleInvalidError: something is not right.
        EndpointUnknownError: it has an endpoint that is not there.
    """
    if rule.endpoint:
        _nothing_besides(rule.endpoint, {**{name: getattr(rule, name) for name in _THERE}, "password": secret})
    _check(rule)
    values = {key: value for key, value in asdict(rule).items() if key not in ("number", "endpoint")}
    values |= {
        "secret": seal.seal(secret, _PURPOSE),
        "next_at": following(rule.schedule, now()) if rule.schedule else None,
        "created_at": now(),
    }

    def work(connection: Connection) -> Rule:
        other = endpoints.found(connection, rule.endpoint, locked=True) if rule.endpoint else None
        values["endpoint_id"] = other.number if other else None
        try:
            with connection.begin_nested():
                connection.execute(REPLICATION_RULE.insert().values(values))
        except IntegrityError:
            raise NameTakenError(f"there is a rule {rule.name} already") from None
        made = _found(connection, rule.name)
        detail = {"direction": made.direction, "registry": made.registry, "repositories": made.repositories}
        record(connection, "replication.create", reference=made.name, detail=detail)
        return made

    return database.write(work)


def change(database: Database, seal: Seal, name: str, secret: str | None = None, **changes: Any) -> Rule:
    """Change parts of a rule, and its password where one is given. A run under way goes on by the new rule. With an
    `endpoint` the rule's own registry and login are forgotten; with a `registry` its endpoint is.

    Raises:
        ReplicationRuleUnknownError, ReplicationRuleInvalidError, GlobInvalidError, ScheduleInvalidError: something is
            not right.
        EndpointUnknownError: it is to have an endpoint that is not there.
    """

    def work(connection: Connection) -> Rule:
        before = _found(connection, name)
        given = _elsewhere(before, changes, secret)
        after = replace(before, **given)
        _check(after)
        values: dict[str, Any] = {key: getattr(after, key) for key in given if key != "endpoint"}
        if after.endpoint != before.endpoint:
            other = endpoints.found(connection, after.endpoint, locked=True) if after.endpoint else None
            values |= {"endpoint_id": other.number if other else None, "secret": ""}
        if before.schedule != after.schedule:
            values["next_at"] = following(after.schedule, now()) if after.schedule else None
        if secret is not None:
            values["secret"] = seal.seal(secret, _PURPOSE)
        if not values:
            return before
        connection.execute(update(REPLICATION_RULE).where(REPLICATION_RULE.c.name == name).values(values))
        told = sorted("endpoint" if each == "endpoint_id" else each for each in values)
        record(connection, "replication.update", reference=name, detail={"changed": told})
        return _found(connection, name)

    return database.write(work)


def switch(database: Database, name: str, *, active: bool) -> Rule:
    """Let a rule be in force, or not. Events of the time when it is not are not made up for; a schedule is.

    Raises:
        ReplicationRuleUnknownError: there is none of that name.
    """

    def work(connection: Connection) -> Rule:
        statement = update(REPLICATION_RULE).where(REPLICATION_RULE.c.name == name)
        connection.execute(statement.values(active=active))
        found = _found(connection, name)
        record(connection, "replication.enable" if active else "replication.disable", reference=name)
        return found

    return database.write(work)


def remove(database: Database, name: str) -> None:
    """Forget a rule, its runs and what it had still to do.

    Raises:
        ReplicationRuleUnknownError: there is none of that name.
    """

    def work(connection: Connection) -> None:
        if not connection.execute(delete(REPLICATION_RULE).where(REPLICATION_RULE.c.name == name)).rowcount:
            raise ReplicationRuleUnknownError(f"there is no rule {name[:100]!r}")
        record(connection, "replication.delete", reference=name)

    database.write(work)


def rules(connection: Connection) -> list[Rule]:
    """All rules by name."""
    return [_rule(row) for row in connection.execute(_QUERY.order_by(REPLICATION_RULE.c.name)).all()]


def listing(database: Database) -> list[Rule]:
    """All rules by name."""
    with database.read() as connection:
        return rules(connection)


def named(database: Database, name: str) -> Rule:
    """The rule of that name.

    Raises:
        ReplicationRuleUnknownError: there is none.
    """
    with database.read() as connection:
        return _found(connection, name)


def secret_of(database: Database, seal: Seal, rule: Rule) -> str:
    """The password for the other registry.

    Raises:
        SealBrokenError: it cannot be read.
    """
    with database.read() as connection:
        if rule.endpoint:
            return endpoints.secret_of(connection, seal, rule.endpoint)
        query = select(REPLICATION_RULE.c.secret).where(REPLICATION_RULE.c.id == rule.number)
        return seal.open(connection.execute(query).scalar() or "", _PURPOSE)


def _elsewhere(before: Rule, changes: dict[str, Any], secret: str | None) -> dict[str, Any]:
    """The changes with what follows from them for where the other registry is."""
    if changes.get("endpoint"):
        _nothing_besides(changes["endpoint"], {**{name: changes.get(name) for name in _THERE}, "password": secret})
        return {**changes, "registry": "", "username": "", "insecure": False, "ca": ""}
    if not before.endpoint:
        return changes
    if changes.get("registry"):
        return {"username": "", "insecure": False, "ca": "", **changes, "endpoint": ""}
    if "endpoint" in changes:
        raise ReplicationRuleInvalidError("without its endpoint the rule has no registry")
    _nothing_besides(before.endpoint, {**{name: changes.get(name) for name in _THERE}, "password": secret})
    return {key: value for key, value in changes.items() if key not in _THERE}


def _nothing_besides(endpoint: str, given: dict[str, Any]) -> None:
    """Pass if nothing is given that is the endpoint's to say."""
    wrong = sorted(name for name, value in given.items() if value)
    if wrong:
        hint = f"Leave that out, or change the endpoint: dockyard registry endpoint set {endpoint[:64]}"
        raise ReplicationRuleInvalidError(f"the endpoint says the {' and '.join(wrong)}", hint=hint)


def _check(rule: Rule) -> None:
    wrong = ""
    if _NAME.fullmatch(rule.name) is None:
        wrong = f"not a rule's name: {rule.name[:100]!r}"
    elif rule.direction not in get_args(Direction):
        wrong = f"not a direction: {rule.direction[:40]!r}"
    elif not rule.endpoint and not rule.registry:
        wrong = "registry: neither a registry nor an endpoint is named"
    elif not rule.endpoint and not endpoints.host_valid(rule.registry):
        wrong = f"not a registry's host: {rule.registry[:100]!r}"
    elif not 1 <= rule.parallel <= _MOST_PARALLEL:
        wrong = f"1 to {_MOST_PARALLEL} images can be copied at once"
    elif not 0 <= rule.rate <= _MOST_RATE:
        wrong = f"rate: bytes a second, up to {_MOST_RATE}"
    elif rule.events and rule.direction == "pull":
        wrong = "the other registry's events are not seen here"
    elif rule.labels and rule.direction == "pull":
        wrong = "the other registry's labels are not seen here"
    if wrong:
        hint = "Pull on a schedule, or let the other registry push." if rule.events or rule.labels else None
        raise ReplicationRuleInvalidError(wrong, hint=hint)
    of_repositories(rule.repositories)
    checked(rule.tags)
    if rule.labels:
        checked(rule.labels)
    rule.named("some/repository/name")
    if rule.schedule:
        check(rule.schedule)


_QUERY = select(
    REPLICATION_RULE,
    REPLICATION_ENDPOINT.c.name.label("endpoint"),
    *(REPLICATION_ENDPOINT.c[name].label(f"endpoint_{name}") for name in _THERE),
).outerjoin_from(REPLICATION_RULE, REPLICATION_ENDPOINT, REPLICATION_ENDPOINT.c.id == REPLICATION_RULE.c.endpoint_id)


def _found(connection: Connection, name: str) -> Rule:
    row = connection.execute(_QUERY.where(REPLICATION_RULE.c.name == name)).first()
    if row is None:
        raise ReplicationRuleUnknownError(f"there is no rule {name[:100]!r}")
    return _rule(row)


def _rule(row: Row[Any]) -> Rule:
    columns = row._mapping
    values = {name: columns[name] for name in Rule.__dataclass_fields__ if name != "number"}
    if columns["endpoint"]:
        values |= {name: columns[f"endpoint_{name}"] for name in _THERE}
    return Rule(int(row.id), **{**values, "endpoint": columns["endpoint"] or ""})
