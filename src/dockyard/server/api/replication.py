"""`/replication`: images copied to and from other registries by rule. For system admins."""

from itertools import islice
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, LastNumber, Number, Part, route
from dockyard.server.api.webhooks import Pattern
from dockyard.server.api.words import ShortName
from dockyard.server.replication import replicate, rules, runs
from dockyard.server.replication.replicate import Planned
from dockyard.server.replication.rules import Direction, Rule
from dockyard.server.replication.runs import Run

_RULE = "/replication/rules/{rule:str}"
_RUN = "/replication/runs/{number:int}"
_MOST = 1000
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=255, description="With port where it has one.")]
Target = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=255, description="The name there, of {name}, {rest} (but the first part), {last}."
    ),
]
Schedule = Annotated[
    str,
    msgspec.Meta(max_length=100, description="Five fields as in crontab (UTC), or a span such as 6h; empty: never."),
]
Parallel = Annotated[int, msgspec.Meta(ge=1, le=32, description="Images at once.")]
# Not `ge=0`: where null may stand too, the document would leave a least value of 0 out.
Rate = Annotated[int, msgspec.Meta(gt=-1, le=2**50, description="Bytes a second; 0 for no bound.")]
Text = Annotated[str, msgspec.Meta(max_length=1000)]
Labels = Annotated[
    str, msgspec.Meta(max_length=500, description="A pattern; only images that have such a label (push only).")
]


EndpointName = Annotated[
    str, msgspec.Meta(max_length=64, description="An endpoint, instead of registry, username, password, insecure, ca.")
]


class RuleNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rule to be made. `push` copies from here to the other registry, `pull` from there; that is an `endpoint`, or
    named by the rule itself with the account to log in with.
    """

    name: ShortName
    direction: Direction
    registry: Annotated[str, msgspec.Meta(max_length=255, description="With port where it has one.")] = ""
    endpoint: EndpointName = ""
    repositories: Pattern = "**"
    tags: Pattern = "**"
    target: Target = "{name}"
    username: Text = ""
    password: Text = ""
    insecure: bool = False
    ca: Text = ""
    events: bool = False
    schedule: Schedule = ""
    deletions: bool = False
    labels: Labels = ""
    override: Annotated[bool, msgspec.Meta(description="Move tags that lead to something else there.")] = True
    parallel: Parallel = 2
    rate: Rate = 0


class RuleChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a rule; null changes nothing."""

    registry: Host | None = None
    endpoint: EndpointName | None = None
    repositories: Pattern | None = None
    tags: Pattern | None = None
    target: Target | None = None
    username: Text | None = None
    password: Text | None = None
    insecure: bool | None = None
    ca: Text | None = None
    events: bool | None = None
    schedule: Schedule | None = None
    deletions: bool | None = None
    labels: Labels | None = None
    override: bool | None = None
    parallel: Parallel | None = None
    rate: Rate | None = None
    active: bool | None = None


class RuleShown(msgspec.Struct, frozen=True):
    """A rule without its password; `registry` and how to log in there are the endpoint's where it has one. `next_at` is
    when its schedule wants it next, in milliseconds since 1970.
    """

    name: str
    direction: Direction
    registry: str
    endpoint: str
    repositories: str
    tags: str
    target: str
    username: str
    insecure: bool
    ca: str
    events: bool
    schedule: str
    deletions: bool
    override: bool
    parallel: int
    rate: int
    active: bool
    next_at: int | None
    labels: str


class Asked(msgspec.Struct, frozen=True):
    """The run that begins as soon as the server can."""

    run: int


class Plan(msgspec.Struct, frozen=True):
    """What a run would do with which tag, and the bytes that it would send; `more`: it is cut off."""

    planned: list[Planned]
    more: bool


class Failure(msgspec.Struct, frozen=True):
    """What a run could not do, or not yet, and why."""

    repository: str
    reference: str
    action: str
    state: str
    attempts: int
    due_at: int
    error: str


class Stopped(msgspec.Struct, frozen=True):
    """Whether the run was still under way."""

    cancelled: bool


@route("GET", "/replication/rules", "replication")
def replication_rules_list(visit: Guest) -> list[RuleShown]:
    """All rules, by name."""
    visit.demand("", "replication", "list")
    with visit.database.read() as connection:
        return [_shown(each) for each in rules.rules(connection)]


@route("POST", "/replication/rules", "replication")
def replication_rule_create(visit: Guest, data: JSONBody[RuleNew]) -> RuleShown:
    """Make a rule, in force at once."""
    visit.demand("", "replication", "create")
    given = {key: value for key, value in msgspec.structs.asdict(data).items() if key != "password"}
    return _shown(rules.add(visit.database, visit.parts.seal, Rule(0, **given), data.password))


@route("GET", _RULE, "replication")
def replication_rule_read(visit: Guest, rule: Part) -> RuleShown:
    """One rule."""
    visit.demand("", "replication", "read")
    return _shown(rules.named(visit.database, rule))


@route("PATCH", _RULE, "replication")
def replication_rule_update(visit: Guest, rule: Part, data: JSONBody[RuleChange]) -> RuleShown:
    """Change a rule, or switch it off or on."""
    visit.demand("", "replication", "update")
    given = {key: value for key, value in msgspec.structs.asdict(data).items() if value is not None}
    secret = given.pop("password", None)
    return _shown(rules.change(visit.database, visit.parts.seal, rule, secret, **given))


@route("DELETE", _RULE, "replication")
def replication_rule_delete(visit: Guest, rule: Part) -> None:
    """Remove a rule with its runs. What it has copied stays."""
    visit.demand("", "replication", "delete")
    rules.remove(visit.database, rule)


@route("POST", _RULE + "/run", "replication", status=202)
def replication_rule_run(visit: Guest, rule: Part) -> Asked:
    """Let a rule compare everything now."""
    visit.demand("", "replication", "create")
    return Asked(replicate.ask(visit.database, rules.named(visit.database, rule)))


@route("POST", _RULE + "/dry-run", "replication", status=200)
def replication_rule_rehearse(visit: Guest, rule: Part) -> Plan:
    """What a run would do now, changing nothing; the other registry is asked. At most a thousand tags are told."""
    visit.demand("", "replication", "create")
    found = rules.named(visit.database, rule)
    planned = list(islice(replicate.plan(visit.database, visit.parts.registry, visit.parts.seal, found), _MOST + 1))
    return Plan(planned[:_MOST], len(planned) > _MOST)


@route("GET", "/replication/runs", "replication", paged=True)
def replication_runs_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    rule: Annotated[str, QueryParameter(max_length=128, description="Only runs of this rule.")] = "",
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[Run]]:
    """Runs, newest first, with what each has done so far and how much is left."""
    visit.demand("", "replication", "list")
    found = runs.history(visit.database, rule=rule, before=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


@route("GET", _RUN, "replication")
def replication_run_read(visit: Guest, number: Number) -> Run:
    """One run."""
    visit.demand("", "replication", "read")
    return runs.run(visit.database, number)


@route("GET", _RUN + "/errors", "replication")
def replication_run_errors(visit: Guest, number: Number) -> list[Failure]:
    """What a run could not do, or not yet, and why; the first hundred."""
    visit.demand("", "replication", "read")
    runs.run(visit.database, number)
    return [Failure(**each) for each in runs.errors(visit.database, number)]


@route("POST", _RUN + "/cancel", "replication", status=200)
def replication_run_cancel(visit: Guest, number: Number) -> Stopped:
    """Let a run do no more. What is being copied just now is finished."""
    visit.demand("", "replication", "update")
    return Stopped(runs.cancel(visit.database, number))


def _shown(rule: Rule) -> RuleShown:
    given = rule.to_json()
    del given["number"]
    return RuleShown(**given)
