"""The log of deliveries: what was sent, how each try went, and sending once more."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from dockyard.errors import UsageError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.webhooks import ATTEMPT, DELIVERY

_TOGETHER = 500


class DeliveryUnknownError(UsageError):
    """There is no delivery of that number, or its log is no longer kept."""

    reference = "delivery-unknown"
    hint = "`dockyard registry webhook log` shows the numbers."


@dataclass(frozen=True)
class Try:
    """One try of a delivery."""

    at: int
    status: int | None
    answer: str
    error: str
    milliseconds: int


@dataclass(frozen=True)
class Delivery:
    """A delivery; `state` is waiting, done or dead."""

    number: int
    webhook: int
    event: int
    kind: str
    state: str
    attempts: int
    due_at: int
    created_at: int
    finished_at: int | None
    headers: dict[str, str]
    body: str
    tries: list[Try]

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def deliveries(
    database: Database, *, webhook: int = 0, state: str = "", before: int = 0, count: int = 50
) -> list[Delivery]:
    """Deliveries with their tries, newest first; `before` is the number of the last one seen."""
    query = select(DELIVERY).order_by(DELIVERY.c.id.desc()).limit(count)
    for wanted, condition in (
        (webhook, DELIVERY.c.webhook_id == webhook),
        (state, DELIVERY.c.state == state),
        (before, DELIVERY.c.id < before),
    ):
        if wanted:
            query = query.where(condition)
    with database.read() as connection:
        rows = connection.execute(query).all()
        tries: dict[int, list[Try]] = {}
        mine = select(ATTEMPT).where(ATTEMPT.c.delivery_id.in_([row.id for row in rows])).order_by(ATTEMPT.c.id)
        for row in connection.execute(mine).all():
            made = Try(row.at, row.status, row.answer, row.error, row.milliseconds)
            tries.setdefault(row.delivery_id, []).append(made)
    return [_delivery(row, tries.get(row.id, [])) for row in rows]


def delivery(database: Database, number: int, *, webhook: int = 0) -> Delivery:
    """One delivery with its tries; of that webhook where one is given.

    Raises:
        DeliveryUnknownError: there is none of that number.
    """
    found = deliveries(database, webhook=webhook, before=number + 1, count=1)
    if not found or found[0].number != number:
        raise DeliveryUnknownError(f"there is no delivery {number}")
    return found[0]


def redeliver(database: Database, number: int, *, webhook: int = 0) -> None:
    """Send a delivery once more, as if it were new: the same body under the same number, so that the receiver can know
    it again.

    Raises:
        DeliveryUnknownError: there is none of that number, or of that webhook where one is given.
    """

    def work(connection: Connection) -> None:
        values = {"state": "waiting", "attempts": 0, "due_at": now(), "finished_at": None}
        mine = (DELIVERY.c.id == number, *((DELIVERY.c.webhook_id == webhook,) if webhook else ()))
        statement = update(DELIVERY).where(*mine).values(values)
        row = connection.execute(statement.returning(DELIVERY.c.webhook_id)).first()
        if row is None:
            raise DeliveryUnknownError(f"there is no delivery {number}")
        record(connection, "webhook.redeliver", reference=str(row.webhook_id), detail={"delivery": number})

    database.write(work)


def forget(database: Database, older_than: int) -> int:
    """Forget what was delivered, or is dead, since before `older_than`; returns how many deliveries."""
    total = 0
    while True:
        old = select(DELIVERY.c.id).where(DELIVERY.c.state != "waiting", DELIVERY.c.finished_at < older_than)

        def work(connection: Connection) -> int:
            numbers = list(connection.execute(old.limit(_TOGETHER)).scalars())  # noqa: B023 (called at once)
            connection.execute(delete(DELIVERY).where(DELIVERY.c.id.in_(numbers)))
            return len(numbers)

        count = database.write(work)
        total += count
        if count < _TOGETHER:
            return total


def _delivery(row: Row[Any], tries: list[Try]) -> Delivery:
    return Delivery(
        int(row.id),
        int(row.webhook_id),
        int(row.event_id),
        row.kind,
        row.state,
        row.attempts,
        row.due_at,
        row.created_at,
        row.finished_at,
        json.loads(row.headers),
        bytes(row.body).decode("utf-8", "replace"),
        tries,
    )
