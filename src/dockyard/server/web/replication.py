"""Replication: rules by which images are copied to and from other registries, and how their runs go."""

from dataclasses import dataclass, replace
from itertools import islice

from dockyard.errors import TransientError
from dockyard.server.replication import endpoints, replicate, rules, runs
from dockyard.server.replication.replicate import Planned
from dockyard.server.replication.rules import Direction, ReplicationRuleUnknownError, Rule
from dockyard.server.replication.runs import ReplicationRunUnknownError, Run
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.endpoints import elsewhere
from dockyard.server.web.trouble import PageUnknownError
from dockyard.server.web.visit import FieldInvalidError, Visit

_RUNS = 25
_PLANNED = 200
# What an item of a run can come to.
_ENDED = ("tags", "tags_same", "tags_kept", "deleted", "gone", "failed")
_RATES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Line:
    """A rule and the last of its runs."""

    rule: Rule
    last: Run | None


def _show(visit: Visit) -> Answer:
    visit.demand("", "replication", "list")
    database = visit.desk.database
    lines = [
        Line(each, next(iter(runs.history(database, rule=each.name, count=1)), None))
        for each in rules.listing(database)
    ]
    live = any(each.last is not None and each.last.finished_at is None for each in lines)
    words = {"lines": lines, "live": live, "rule": None, "rates": tuple(_RATES)}
    return Page("replication.html", {**words, "endpoints": endpoints.listing(database)})


def _values(visit: Visit) -> dict[str, object]:
    """The parts of a rule that its form has."""
    unit = _RATES.get(visit.text("unit") or "MB")
    if unit is None:
        raise FieldInvalidError("unit: choose kB, MB or GB")
    endpoint = visit.text("endpoint", 64)
    return {
        **({"endpoint": endpoint} if endpoint else elsewhere(visit)),
        "repositories": visit.text("repositories", 512) or "**",
        "tags": visit.text("tags", 512) or "**",
        "labels": visit.text("labels", 512),
        "target": visit.text("target") or "{name}",
        "events": visit.checked("events"),
        "schedule": visit.text("schedule"),
        "deletions": visit.checked("deletions"),
        "override": visit.checked("override"),
        "parallel": visit.whole("parallel", 2),
        "rate": visit.whole("rate") * unit,
    }


def _add(visit: Visit) -> Answer:
    visit.demand("", "replication", "create")
    direction: Direction = "pull" if visit.text("direction") == "pull" else "push"
    rule = Rule(0, visit.text("name"), direction, **{"registry": "", **_values(visit)})  # type: ignore[arg-type]
    made = rules.add(visit.desk.database, visit.desk.seal, rule, "" if rule.endpoint else visit.secret_text("password"))
    return Moved(f"/replication/{made.name}", f"Rule {made.name} is in force. Look what it would do before it runs.")


def _found(visit: Visit, action: str) -> Rule:
    visit.demand("", "replication", action)
    try:
        return rules.named(visit.desk.database, visit.places[0])
    except ReplicationRuleUnknownError as error:
        raise PageUnknownError(error.message) from error


def _one(visit: Visit) -> Answer:
    found = _found(visit, "read")
    before = visit.query("before", 17)
    number = int(before) if before.isascii() and before.isdigit() else 0
    past = runs.history(visit.desk.database, rule=found.name, before=number, count=_RUNS + 1)
    words = {
        "rule": found,
        "runs": past[:_RUNS],
        "more": len(past) > _RUNS,
        "live": any(each.finished_at is None for each in past[:_RUNS]),
        "rates": tuple(_RATES),
        "endpoints": endpoints.listing(visit.desk.database),
        "planned": None,
        "cut": False,
    }
    return Page("replication-rule.html", words)


def _rehearse(visit: Visit) -> Answer:
    """What a run would do. The other registry is asked, so this is a form and no address."""
    found, desk = _found(visit, "create"), visit.desk
    planned: list[Planned] | None = None
    try:
        planned = list(islice(replicate.plan(desk.database, desk.registry, desk.seal, found), _PLANNED + 1))
    except TransientError as error:  # the other registry's, so that this page can still be shown
        visit.problem = error
    visit.form = {}
    page = _one(visit)
    if not isinstance(page, Page):
        return page
    if planned is None:
        return replace(page, status=503)
    return Page(page.template, {**page.words, "planned": planned[:_PLANNED], "cut": len(planned) > _PLANNED})


def _change(visit: Visit) -> Answer:
    found = _found(visit, "update")
    values = _values(visit)
    secret = None if "endpoint" in values else visit.secret_text("password") or None
    rules.change(visit.desk.database, visit.desk.seal, found.name, secret, **values)
    return Moved(f"/replication/{found.name}", "The rule is changed.")


def _switch(visit: Visit) -> Answer:
    found = _found(visit, "update")
    rules.switch(visit.desk.database, found.name, active=not found.active)
    return Moved(f"/replication/{found.name}", f"Rule {found.name} is {'off' if found.active else 'on'}.")


def _remove(visit: Visit) -> Answer:
    found = _found(visit, "delete")
    rules.remove(visit.desk.database, found.name)
    return Moved("/replication", f"Rule {found.name} is removed. What it has copied stays.")


def _run(visit: Visit) -> Answer:
    found = _found(visit, "create")
    number = replicate.ask(visit.desk.database, found)
    return Moved(f"/replication/{found.name}", f"Run {number} is on its way.")


def _run_page(visit: Visit) -> Answer:
    visit.demand("", "replication", "read")
    number = int(visit.places[0])
    try:
        found = runs.run(visit.desk.database, number)
    except ReplicationRunUnknownError as error:
        raise PageUnknownError(error.message) from error
    done = sum(count for name, count in found.counts.items() if name in _ENDED)
    words = {"run": found, "errors": runs.errors(visit.desk.database, number), "done": done}
    return Page("replication-run.html", {**words, "live": found.finished_at is None})


def _cancel(visit: Visit) -> Answer:
    visit.demand("", "replication", "update")
    number = int(visit.places[0])
    stopped = runs.cancel(visit.desk.database, number)
    said = f"Run {number} is cancelled." if stopped else f"Run {number} had ended already."
    return Moved(f"/replication/runs/{number}", said)


VIEW = View(_show, {"add": _add})
RULE = View(_one, {"change": _change, "switch": _switch, "remove": _remove, "run": _run, "rehearse": _rehearse})
RUN = View(_run_page, {"cancel": _cancel})
