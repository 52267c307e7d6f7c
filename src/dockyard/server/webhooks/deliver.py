"""Delivering: what waits is sent, several webhooks side by side, until it was taken or counts as dead.

A webhook gets its events in order as long as its receiver takes them; one that failed comes again later.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from dockyard import __version__
from dockyard.errors import Error
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.webhooks import ATTEMPT, DELIVERY, WEBHOOK
from dockyard.server.sealing import Seal
from dockyard.server.webhooks import kept, log, outbox
from dockyard.server.webhooks.kept import WebhookUnknownError
from dockyard.server.webhooks.sending import Outcome, send
from dockyard.server.webhooks.settings import Webhooks
from dockyard.server.webhooks.signature import signed

_AT_ONCE = 16
_IN_A_ROW = 20
_LONGEST_PAUSE_MS = 3_600_000
_TRIES_KEPT = 50
_GONE = 410


def due(database: Database) -> bool:
    """Whether something waits to be sent now."""
    with database.read() as connection:
        query = select(DELIVERY.c.id).where(DELIVERY.c.state == "waiting", DELIVERY.c.due_at <= now()).limit(1)
        return connection.execute(query).first() is not None


def deliver(
    database: Database,
    seal: Seal,
    settings: Webhooks,
    base: str,
    *,
    progress: Callable[[str], None] = lambda text: None,
    seconds: float = 60.0,
) -> dict[str, int]:
    """Write down the deliveries for new events and send what is due, until nothing is or `seconds` are over.

    May be cut off anywhere: a delivery counts as done only once its receiver has said so, and is sent again otherwise.
    """
    counts = {"delivered": 0, "failed": 0}
    ends = time.monotonic() + seconds
    running: dict[Future[tuple[int, int]], int] = {}
    with ThreadPoolExecutor(_AT_ONCE, "webhook") as pool:
        while True:
            while outbox.fill(database, base):
                pass
            if time.monotonic() < ends and len(running) < _AT_ONCE:
                for number in _waiting(database, set(running.values()), _AT_ONCE - len(running)):
                    running[pool.submit(_serve, database, seal, settings, number)] = number
            if not running:
                break
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for each in done:
                del running[each]
                good, bad = each.result()
                counts["delivered"] += good
                counts["failed"] += bad
            progress(f"{counts['delivered']} delivered, {counts['failed']} tries failed")
    log.forget(database, now() - settings.keep * 1000)
    return counts


def _waiting(database: Database, but: set[int], most: int) -> Sequence[int]:
    """Webhooks that have something due."""
    query = (
        select(DELIVERY.c.webhook_id)
        .where(DELIVERY.c.state == "waiting", DELIVERY.c.due_at <= now(), DELIVERY.c.webhook_id.notin_(but))
        .group_by(DELIVERY.c.webhook_id)
        .limit(most)
    )
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def _serve(database: Database, seal: Seal, settings: Webhooks, number: int) -> tuple[int, int]:
    """Send a webhook what is due, in order, up to the first that fails; returns how many went well, and not."""
    query = (
        select(DELIVERY, WEBHOOK.c.url, WEBHOOK.c.verify)
        .join_from(DELIVERY, WEBHOOK, WEBHOOK.c.id == DELIVERY.c.webhook_id)
        .where(DELIVERY.c.webhook_id == number, DELIVERY.c.state == "waiting", DELIVERY.c.due_at <= now())
        .order_by(DELIVERY.c.id)
        .limit(_IN_A_ROW)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    good = 0
    for row in rows:
        outcome = attempt(database, seal, settings, row)
        _note(database, settings, row, outcome)
        if not outcome.delivered:
            return good, 1
        good += 1
    return good, 0


def attempt(database: Database, seal: Seal, settings: Webhooks, row: Row[Any]) -> Outcome:
    """Send a delivery, with its webhook's `url` and `verify`, once; nothing is written down."""
    try:
        secret, authorization = kept.secrets_of(database, seal, row.webhook_id)
    except WebhookUnknownError:
        return Outcome(None, "", "the webhook was removed", 0)
    except Error as error:
        return Outcome(None, "", error.message, 0)
    # The same in every try, so that a receiver that has taken it before knows it again.
    message = f"msg_{row.webhook_id}_{row.event_id}"
    body = bytes(row.body)
    headers = {
        "User-Agent": f"dockyard/{__version__}",
        **json.loads(row.headers),
        **signed(secret, message, now() // 1000, body),
        **({"Authorization": authorization} if authorization else {}),
    }
    return send(row.url, headers, body, settings, verify=bool(row.verify))


def _note(database: Database, settings: Webhooks, row: Row[Any], outcome: Outcome) -> None:
    attempts = row.attempts + 1
    values: dict[str, Any] = {"attempts": attempts}
    if outcome.delivered:
        values |= {"state": "done", "finished_at": now()}
    elif attempts >= settings.attempts or outcome.status == _GONE:
        values |= {"state": "dead", "finished_at": now()}
    else:
        pause = min(int(settings.first_pause * 1000) << min(attempts - 1, 30), _LONGEST_PAUSE_MS)
        values["due_at"] = now() + pause
    noted(database, row.id, outcome, values)


def noted(database: Database, number: int, outcome: Outcome, values: dict[str, Any]) -> None:
    """Write down a try of a delivery, and what has become of the delivery."""

    def work(connection: Connection) -> None:
        statement = update(DELIVERY).where(DELIVERY.c.id == number).values(values)
        if not connection.execute(statement).rowcount:
            return  # its webhook was removed in the meantime
        tried = {
            "delivery_id": number,
            "at": now(),
            "status": outcome.status,
            "answer": outcome.answer.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            "error": outcome.error,
            "milliseconds": outcome.milliseconds,
        }
        connection.execute(ATTEMPT.insert().values(tried))
        mine = select(ATTEMPT.c.id).where(ATTEMPT.c.delivery_id == number).order_by(ATTEMPT.c.id.desc())
        edge = connection.execute(mine.offset(_TRIES_KEPT).limit(1)).scalar()
        if edge is not None:
            connection.execute(delete(ATTEMPT).where(ATTEMPT.c.delivery_id == number, ATTEMPT.c.id <= edge))

    database.write(work)
