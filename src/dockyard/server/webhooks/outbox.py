"""From events to deliveries: a follower of the events writes down, once, what each webhook is to be told."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.following import follow_together
from dockyard.server.names import project_of
from dockyard.server.schema.content import MANIFEST
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.webhooks import DELIVERY
from dockyard.server.webhooks.formats import Happening, encode
from dockyard.server.webhooks.kept import Webhook, webhooks

FOLLOWER = "webhooks"
_MOST_REPOSITORIES = 100


def fill(database: Database, base: str) -> int:
    """Write down the deliveries for events that were not looked at yet; returns how many events were.

    `base` is the URL of this registry as clients see it. What is delivered is made here, so that it tells of the moment
    of the event as nearly as can be, and is the same in every try.
    """

    def handle(connection: Connection, events: Sequence[RowMapping]) -> None:
        known = [each for each in webhooks(connection) if each.active]
        if not known:
            return
        for event in events:
            for what, told in _told(connection, event, base, known):
                for webhook in told:
                    _queue(database, connection, webhook, what)

    return follow_together(database, FOLLOWER, handle)


def _told(
    connection: Connection, event: RowMapping, base: str, known: Sequence[Webhook]
) -> list[tuple[Happening, list[Webhook]]]:
    """Who is told what of an event. What concerns an image wherever it is tells each project of its repositories."""
    if event["repository"] or event["project"] or not event["digest"]:
        told = [each for each in known if each.wants(event["kind"], event["project"], event["repository"])]
        return [(_happening(connection, event, base, ()), told)] if told else []
    query = (
        select(REPOSITORY.c.name)
        .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
        .where(MANIFEST.c.digest == event["digest"])
        .order_by(REPOSITORY.c.name)
        .limit(_MOST_REPOSITORIES)
    )
    names = list(connection.execute(query).scalars())
    found: dict[tuple[str, ...], list[Webhook]] = {}
    for webhook in known:
        mine = tuple(each for each in names if webhook.wants(event["kind"], project_of(each), each))
        if mine:
            found.setdefault(mine, []).append(webhook)
    return [(_happening(connection, event, base, mine), told) for mine, told in found.items()]


def _happening(connection: Connection, event: RowMapping, base: str, repositories: tuple[str, ...]) -> Happening:
    media_type, size = "", 0
    if event["digest"] and (event["repository"] or repositories):
        query = (
            select(MANIFEST.c.media_type, MANIFEST.c.raw)
            .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
            .where(REPOSITORY.c.name == (event["repository"] or repositories[0]), MANIFEST.c.digest == event["digest"])
        )
        row = connection.execute(query).first()
        media_type, size = (row[0], len(row[1])) if row is not None else ("", 0)
    return Happening(
        int(event["id"]),
        event["at"],
        event["kind"],
        base,
        event["project"],
        event["repository"],
        event["reference"],
        event["digest"],
        event["actor"],
        event["address"],
        media_type,
        size,
        json.loads(event["detail"]),
        repositories,
    )


def _queue(database: Database, connection: Connection, webhook: Webhook, what: Happening) -> None:
    headers, body = encode(what, webhook.format)
    values = {
        "webhook_id": webhook.number,
        "event_id": what.number,
        "kind": what.kind,
        "headers": json.dumps(headers),
        "body": body,
        "state": "waiting",
        "attempts": 0,
        "due_at": now(),
        "created_at": now(),
    }
    connection.execute(database.insert(DELIVERY).values(values).on_conflict_do_nothing())
