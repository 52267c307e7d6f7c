"""What happened: in a project, or in the whole registry."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dockyard.server.audit import chain, pruning, read
from dockyard.server.audit.chain import Verdict
from dockyard.server.audit.pruning import Pruning
from dockyard.server.audit.read import Event, Wanted
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import FieldInvalidError, Visit
from dockyard.server.web.words import moment

_COUNT = 50
# What of an event's details is a time in milliseconds since 1970.
_TIMES = ("until", "expires_at", "before")


def _show(visit: Visit, proof: Verdict | None = None, planned: dict[str, int] | None = None) -> Answer:
    top = head(visit) if visit.places else None
    visit.demand(top.name if top else "", "log", "list")
    events, more = _events(visit, top.name if top else visit.query("project"))
    exported = {
        "kind": _kind(visit),
        "actor": visit.query("actor"),
        "since": _day(visit.query("since")),
        "until": _day(visit.query("until"), 1),
    }
    kinds = (
        "push",
        "delete",
        ".refused",
        "tag.",
        "project.",
        "repository.",
        "member.",
        "robot.",
        "user.",
        "token.",
        "rule.",
        "retention.",
        "exemption.",
        "finding.",
        "scan.",
        "session.",
        "keyless.",
        "webhook.",
        "replication.",
        "endpoint.",
        "quota.",
    )
    words = {"project": top, "events": events, "more": more, "kinds": kinds, "exported": exported, "proof": proof}
    pruned = {"planned": planned, "pruning": None if top else pruning.pruning(visit.desk.database)}
    return Page("audit.html", {**words, **pruned})


def _kind(visit: Visit) -> str:
    kind = visit.query("kind")
    return f"{kind}*" if kind.endswith(".") else f"*{kind}" if kind.startswith(".") else kind


def _prove(visit: Visit) -> Answer:
    """Look at every event and every link of the chain."""
    visit.demand("", "log", "list")
    expected = visit.text("expected", 64).lower()
    if expected and (len(expected) != 64 or set(expected) - set("0123456789abcdef")):
        raise FieldInvalidError("expected: not the hash of an event: 64 digits of base 16")
    return _show(visit, chain.verify(visit.desk.database, expected=expected))


def _wanted(visit: Visit) -> Pruning:
    """What the form says of which events go, and when."""
    return Pruning(visit.text("schedule", 100), visit.whole("hours"), tuple(visit.several("keep")))


def _rehearse(visit: Visit) -> Answer:
    """Count what would be removed now."""
    visit.demand("", "log", "delete")
    wanted = _wanted(visit)
    return _show(visit, planned=pruning.planned(visit.desk.database, pruning.before(wanted.hours), wanted.keep))


def _prune(visit: Visit) -> Answer:
    visit.demand("", "log", "delete")
    wanted = _wanted(visit)
    job = pruning.ask(visit.desk.jobs, wanted.hours, wanted.keep)
    if job is None:
        raise FieldInvalidError("old events are being removed already", hint="Wait for it: the page Jobs shows it.")
    return Moved("/audit", f"Job {job} removes old events.")


def _schedule(visit: Visit) -> Answer:
    visit.demand("", "log", "update")
    wanted = _wanted(visit)
    pruning.schedule(visit.desk.database, wanted if wanted.schedule else None)
    return Moved("/audit", "Saved." if wanted.schedule else "Old events stay until somebody removes them.")


def _events(visit: Visit, project: str) -> tuple[list[tuple[Event, int, str]], bool]:
    """A page of events, each with its time in milliseconds and what else is known of it in words."""
    before = visit.query("before", 17)
    wanted = Wanted(
        projects=(project,) if project else None,
        actor=visit.query("actor"),
        kind=_kind(visit),
        since=_day(visit.query("since")),
        until=_day(visit.query("until"), 1),
    )
    number = int(before) if before.isascii() and before.isdigit() else 0
    found = read.page(visit.desk.database, wanted, before=number, count=_COUNT + 1)
    rows = [
        (each, _at(each), ", ".join(f"{name} {_said(name, value)}" for name, value in each.detail.items()))
        for each in found
    ]
    return rows[:_COUNT], len(rows) > _COUNT


def _at(event: Event) -> int:
    return int(datetime.fromisoformat(event.time).timestamp() * 1000)


def _day(text: str, more: int = 0) -> int:
    """The beginning of a day (UTC), or of one so many after it; 0 where the text is no day."""
    try:
        return int((datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(more)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _said(name: str, value: Any) -> str:
    if name in _TIMES and isinstance(value, int):
        return moment(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


VIEW = View(_show)
ALL = View(_show, {"prove": _prove, "rehearse": _rehearse, "prune": _prune, "schedule": _schedule})
