"""`dockyard registry replication`: images copied to and from other registries by rule."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from dockyard._internal import amounts
from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At, Place
from dockyard.cli.registry.words import moment, needed, number
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.replication.replicate import Planned
    from dockyard.server.replication.rules import Rule
    from dockyard.server.replication.runs import Run

_NEAR = {
    "run": "replication.replicate",
    "dry-run": "replication.replicate",
    "history": "replication.runs",
    "errors": "replication.runs",
    "cancel": "replication.runs",
}


def replication(
    verb: Literal["list", "add", "set", "on", "off", "rm", "run", "cancel", "dry-run", "history", "errors"] = "list",
    name: str = "",
    /,
    *,
    push_to: str = "",
    pull_from: str = "",
    repositories: str | None = None,
    tags: str | None = None,
    labels: str | None = None,
    target: str | None = None,
    username: str | None = None,
    password_stdin: bool = False,
    insecure: bool | None = None,
    ca: str | None = None,
    events: bool | None = None,
    schedule: str | None = None,
    deletions: bool | None = None,
    override: bool | None = None,
    parallel: int | None = None,
    rate: str | None = None,
    before: int = 0,
    count: int = 50,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Copy images to and from other registries, as they come or on a schedule; signatures and SBOMs come along.

    Args:
        verb: list, add, set, on, off, rm, run, cancel, dry-run, history or errors.
        name: the rule's; for cancel and errors a run's number.
        push_to: for add and set the registry that gets copies: an endpoint's name, or a host such as
            registry.example:5000.
        pull_from: for add and set the registry that copies are taken from: an endpoint's name or a host.
        repositories: for add and set a pattern for names at the source; without a wildcard the catalog is not asked.
        tags: for add and set a pattern for tags.
        labels: for add and set a pattern for labels: only images that have such a one are copied (with --push-to).
        target: for add and set the name at the destination; {name}, {rest} (but the first part), {last} (the last one).
        username: for add and set the account at the other registry.
        password_stdin: for add and set read its password from standard input.
        insecure: for add and set plain HTTP, or TLS that is not checked.
        ca: for add and set a file of authorities for the other registry.
        events: for add and set copy what is pushed as it comes (only with --push-to).
        schedule: for add and set when everything is compared: five fields as in crontab, in UTC, or a span such as 6h.
        deletions: for add and set delete at the destination what is deleted at the source.
        override: for add and set move tags that lead to something else at the destination, which is usual.
        parallel: for add and set how many images are copied at once.
        rate: for add and set bytes a second for the whole rule, such as 10MB; 0 for no bound.
        before: for history only runs with a lower number: the last one of the page before.
        count: for history how many at most.
        at: which registry.
        json: print one JSON document.
    """
    import sys

    verbs = at.verbs(_NEAR.get(verb, "replication.rules"), "replication")
    rules = at.verbs("replication.rules", "replication")
    with at.instance() as instance:
        database = instance.database
        if verb == "list":
            _rules(rules.listing(database), json=json)
        elif verb == "history":
            _runs(verbs.history(database, rule=name, before=before, count=count), json=json)
        elif verb == "errors":
            _errors(verbs.errors(database, number(name, "a run")), json=json)
        elif verb == "cancel":
            stopped = verbs.cancel(database, number(name, "a run"))
            said = f"run {name} is cancelled" if stopped else f"run {name} had ended already"
            report.told({"cancelled": stopped}, said, json=json)
        elif verb in ("add", "set"):
            given = _given(
                repositories=repositories,
                tags=tags,
                labels=labels,
                target=target,
                username=username,
                insecure=insecure,
                ca=ca,
                events=events,
                schedule=schedule,
                deletions=deletions,
                override=override,
                parallel=parallel,
                rate=None if rate is None else amounts.size(rate),
                **_other(at, database, push_to or pull_from),
            )
            secret = sys.stdin.readline().rstrip("\n") if password_stdin else None
            made = _kept(verb, rules, instance, needed(name, "name"), (push_to, pull_from), given, secret)
            said = f"made rule {made.name}" if verb == "add" else f"changed rule {made.name}"
            report.told(made.to_json(), said, json=json)
        elif verb in ("on", "off"):
            changed = rules.change(database, instance.seal, needed(name, "name"), active=verb == "on")
            report.told(changed.to_json(), f"rule {changed.name} is {verb}", json=json)
        elif verb == "rm":
            rules.remove(database, needed(name, "name"))
            report.told({"removed": name}, f"removed rule {name}", json=json)
        elif verb == "run":
            run = verbs.ask(database, rules.named(database, needed(name, "name")))
            report.told({"run": run}, f"run {run} begins as soon as the registry serves", json=json)
        else:
            rule = rules.named(database, needed(name, "name"))
            registry = None if at.server else instance.registry
            _planned(list(verbs.plan(database, registry, instance.seal, rule)), json=json)


def _given(**values: Any) -> dict[str, Any]:
    """What was said of a rule, and nothing of the rest."""
    return {name: value for name, value in values.items() if value is not None}


def _other(at: Place, database: Any, named: str) -> dict[str, str]:
    """The other registry, as a rule has it: an endpoint where one has that name."""
    if not named:
        return {}
    endpoints = at.verbs("replication.endpoints", "endpoints").listing(database)
    return {"endpoint" if any(each.name == named for each in endpoints) else "registry": named}


def _kept(
    verb: str, rules: Any, instance: Any, name: str, ends: tuple[str, str], given: dict[str, Any], secret: str | None
) -> "Rule":
    """Make or change a rule. The direction is chosen once."""
    from dockyard.server.replication.rules import Rule

    push_to, pull_from = ends
    hint = "With --push-to HOST, or --pull-from HOST; an endpoint's name will do, too."
    if verb == "set":
        if push_to and pull_from:
            raise UsageError("name one other registry", hint=hint)
        direction = rules.named(instance.database, name).direction
        if (push_to and direction == "pull") or (pull_from and direction == "push"):
            raise UsageError(f"rule {name} is one to {direction}", hint="Remove it, and add one the other way.")
        changed: Rule = rules.change(instance.database, instance.seal, name, secret, **given)
        return changed
    if bool(push_to) == bool(pull_from):
        raise UsageError("name one other registry", hint=hint)
    rule = Rule(0, name, "push" if push_to else "pull", **{"registry": "", **given})
    made: Rule = rules.add(instance.database, instance.seal, rule, secret or "")
    return made


def _rules(known: "Sequence[Rule]", *, json: bool) -> None:
    if json:
        report.result({"rules": [each.to_json() for each in known]})
        return
    rows = [
        [
            each.name,
            f"{each.direction} {each.endpoint or each.registry}",
            f"{each.repositories}:{each.tags}" + f" with {each.labels}" * bool(each.labels),
            each.target,
            " and ".join(part for part in ("events" if each.events else "", each.schedule) if part) or "asked",
            "on" if each.active else "off",
        ]
        for each in known
    ]
    report.table(["NAME", "REGISTRY", "WHAT", "TARGET", "WHEN", "STATE"], rows)


def _runs(found: "Sequence[Run]", *, json: bool) -> None:
    if json:
        report.result({"runs": [each.to_json() for each in found]})
        return
    rows = [
        [
            str(each.number),
            each.rule,
            each.trigger,
            each.state,
            moment(each.started_at),
            str(each.left),
            each.error or ", ".join(f"{value} {key}" for key, value in sorted(each.counts.items())),
        ]
        for each in found
    ]
    report.table(["NUMBER", "RULE", "TRIGGER", "STATE", "WHEN", "LEFT", "SAYS"], rows)


def _errors(wrong: Sequence[dict[str, Any]], *, json: bool) -> None:
    if json:
        report.result({"errors": wrong})
        return
    rows = [[f"{each['repository']}:{each['reference']}", each["state"], each["error"]] for each in wrong]
    report.table(["WHAT", "STATE", "ERROR"], rows)


def _planned(planned: "Sequence[Planned]", *, json: bool) -> None:
    if json:
        report.result({"planned": [each._asdict() for each in planned]})
        return
    rows = [[each.action, f"{each.repository}:{each.reference}", each.target, str(each.bytes)] for each in planned]
    report.table(["ACTION", "WHAT", "TARGET", "BYTES"], rows)
