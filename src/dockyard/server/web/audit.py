"""What happened: in a project, or in the whole registry."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dockyard.server.audit import read
from dockyard.server.audit.read import Event, Wanted
from dockyard.server.web.answer import Answer, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.visit import Visit

_COUNT = 50


def _show(visit: Visit) -> Answer:
    top = head(visit) if visit.places else None
    visit.demand(top.name if top else "", "log", "list")
    events, more = _events(visit, top.name if top else visit.query("project"))
    kinds = (
        "push",
        "delete",
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
        "session.",
    )
    return Page("audit.html", {"project": top, "events": events, "more": more, "kinds": kinds})


def _events(visit: Visit, project: str) -> tuple[list[tuple[Event, int, str]], bool]:
    """A page of events, each with its time in milliseconds and what else is known of it in words."""
    kind, before = visit.query("kind"), visit.query("before", 17)
    wanted = Wanted(
        projects=(project,) if project else None,
        actor=visit.query("actor"),
        kind=kind + "*" if kind.endswith(".") else kind,
        since=_day(visit.query("since")),
        until=_day(visit.query("until"), 1),
    )
    number = int(before) if before.isascii() and before.isdigit() else 0
    found = read.page(visit.desk.database, wanted, before=number, count=_COUNT + 1)
    rows = [
        (each, _at(each), ", ".join(f"{name} {_said(value)}" for name, value in each.detail.items())) for each in found
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


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


VIEW = View(_show)
