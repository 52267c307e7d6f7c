"""`/projects/…/retention`: what a project keeps. For developers and above."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, LastNumber, Number, Part, route
from dockyard.server.api.tag_rules import Glob
from dockyard.server.rules import retention, retention_rules, runs
from dockyard.server.rules.retention_rules import Keep, RetentionRule
from dockyard.server.rules.runs import Run

_ROOT = "/projects/{project:str}/retention"
_MOST = 1000


class RetentionRuleNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rule to be made. `amount` is a number of images or days, by the way to keep; `always` needs none.

    With `labels`, a glob, it speaks only of images that have such a label.
    """

    keep: Keep
    amount: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    repositories: Glob = "**"
    tags: Glob = "**"
    untagged: bool = False
    labels: Annotated[str, msgspec.Meta(max_length=500)] = ""


class RetentionRuleShown(msgspec.Struct, frozen=True):
    """A rule; with `untagged` it speaks of images without a tag, too."""

    number: int
    keep: Keep
    amount: int
    repositories: str
    tags: str
    untagged: bool
    labels: str


class Schedule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Hours from one run to the next; 0 for only when somebody asks."""

    hours: Annotated[int, msgspec.Meta(ge=0, le=8784)]


class RetentionShown(msgspec.Struct, frozen=True):
    """What a project keeps, and when that is applied; `next_at` is null where it is not by itself."""

    rules: list[RetentionRuleShown]
    hours: int
    next_at: int | None


class Going(msgspec.Struct, frozen=True):
    """A manifest that goes."""

    repository: str
    digest: str
    tags: list[str]
    pushed: int


class Rehearsal(msgspec.Struct, frozen=True):
    """What a run would do now: how many manifests stay and go, the bytes that this frees, and the first of those that
    go.
    """

    kept: int
    removed: int
    bytes: int
    going: list[Going]


class Deferred(msgspec.Struct, frozen=True):
    """Work that will be done; null where the same waits to be done already."""

    job: int | None


@route("GET", _ROOT, "retention")
def retention_read(visit: Guest, project: Part) -> RetentionShown:
    """A project's rules for what it keeps, oldest first, and its schedule."""
    visit.demand(project, "retention", "read")
    found = [_shown(each) for each in retention_rules.listed(visit.database, project)]
    hours, next_at = runs.schedule_of(visit.database, project)
    return RetentionShown(found, hours, next_at if hours else None)


@route("POST", _ROOT + "/rules", "retention")
def retention_rule_create(visit: Guest, project: Part, data: JSONBody[RetentionRuleNew]) -> RetentionRuleShown:
    """Give a project a rule.

    What any rule keeps is kept, and the rest of the repositories that rules speak of goes at the next run.
    """
    visit.demand(project, "retention", "create")
    made = retention_rules.add(
        visit.database,
        project,
        data.keep,
        data.amount,
        repositories=data.repositories,
        tags=data.tags,
        untagged=data.untagged,
        labels=data.labels,
    )
    return _shown(made)


@route("DELETE", _ROOT + "/rules/{number:int}", "retention")
def retention_rule_delete(visit: Guest, project: Part, number: Number) -> None:
    """Take a rule away. A project without rules keeps everything."""
    visit.demand(project, "retention", "delete")
    retention_rules.remove(visit.database, project, number)


@route("PUT", _ROOT + "/schedule", "retention")
def retention_schedule(visit: Guest, project: Part, data: JSONBody[Schedule]) -> RetentionShown:
    """Say how often the rules are applied."""
    visit.demand(project, "retention", "update")
    retention_rules.schedule(visit.database, project, data.hours)
    found = [_shown(each) for each in retention_rules.listed(visit.database, project)]
    hours, next_at = runs.schedule_of(visit.database, project)
    return RetentionShown(found, hours, next_at if hours else None)


@route("POST", _ROOT + "/dry-run", "retention", status=200)
def retention_dry_run(visit: Guest, project: Part) -> Rehearsal:
    """What a run would remove now. Nothing is removed; the run is noted as a dry one."""
    visit.demand(project, "retention", "operate")
    holdings = visit.parts.registry.holdings
    plan = retention.plan(holdings, project)
    done = retention.run(holdings, project, dry=True)
    going = [Going(name, held.digest, list(held.tags), held.pushed) for name, held in plan.removed()]
    return Rehearsal(done.kept, done.removed, done.bytes, going[:_MOST])


@route("POST", _ROOT + "/run", "retention", status=202)
def retention_run(visit: Guest, project: Part) -> Deferred:
    """Have the rules applied. The list of runs has the outcome."""
    visit.demand(project, "retention", "operate")
    retention_rules.listed(visit.database, project)
    return Deferred(visit.parts.jobs.defer("retention", {"project": project}, key=f"asked retention {project}"))


@route("GET", _ROOT + "/runs", "retention", paged=True)
def retention_runs_list(
    visit: Guest, request: Request[Any, Any, Any], project: Part, last: LastNumber = 0, count: Count = 100
) -> Response[list[Run]]:
    """What the last runs did, newest first."""
    visit.demand(project, "retention", "list")
    found = runs.runs(visit.database, project, before=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


def _shown(rule: RetentionRule) -> RetentionRuleShown:
    return RetentionRuleShown(
        rule.number, rule.keep, rule.amount, rule.repositories, rule.tags, rule.untagged, rule.labels
    )
