"""What happened: in a project, or in the whole registry."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from dockyard.server.schema.events import EVENT
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


def _events(visit: Visit, project: str) -> tuple[Sequence[dict[str, Any]], bool]:
    table = EVENT.c
    query = select(EVENT).order_by(table.id.desc()).limit(_COUNT + 1)
    if project:
        query = query.where(table.project == project)
    kind, actor, before = visit.query("kind"), visit.query("actor"), visit.query("before")
    if kind:
        query = query.where(table.kind.startswith(kind, autoescape=True))
    if actor:
        query = query.where(table.actor == actor)
    if before.isascii() and before.isdigit() and len(before) < 18:
        query = query.where(table.id < int(before))
    with visit.desk.database.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        row["told"] = ", ".join(f"{name} {_said(value)}" for name, value in json.loads(row["detail"]).items())
    return rows[:_COUNT], len(rows) > _COUNT


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


VIEW = View(_show)
