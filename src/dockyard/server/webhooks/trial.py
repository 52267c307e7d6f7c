"""Trying a webhook: an event of the kind `webhook.test` is sent at once, whatever kinds the webhook hears of."""

import json

from sqlalchemy import Connection, select

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.webhooks import DELIVERY, WEBHOOK
from dockyard.server.sealing import Seal
from dockyard.server.webhooks.deliver import attempt, noted
from dockyard.server.webhooks.formats import Happening, encode
from dockyard.server.webhooks.kept import WebhookUnknownError
from dockyard.server.webhooks.log import Delivery, deliveries
from dockyard.server.webhooks.settings import Webhooks

KIND = "webhook.test"


def test(database: Database, seal: Seal, settings: Webhooks, base: str, number: int) -> Delivery:
    """Send one event to a webhook, in force or not, wait for the answer, and return the delivery as its log has it.

    It is tried this once: a delivery that was not taken is dead, and can be sent again.

    Args:
        database: has the webhook.
        seal: opens its secrets.
        settings: bound the time and say which addresses are allowed.
        base: the URL of this registry as clients see it.
        number: of the webhook.

    Raises:
        WebhookUnknownError: there is none of that number.
    """

    def work(connection: Connection) -> int:
        row = connection.execute(select(WEBHOOK).where(WEBHOOK.c.id == number).with_for_update()).first()
        if row is None:
            raise WebhookUnknownError(f"there is no webhook {number}")
        record(connection, KIND, project=row.project, reference=str(number))
        mine = select(EVENT).where(EVENT.c.kind == KIND, EVENT.c.reference == str(number))
        event = connection.execute(mine.order_by(EVENT.c.id.desc()).limit(1)).one()
        what = Happening(
            int(event.id),
            event.at,
            KIND,
            base,
            event.project,
            reference=event.reference,
            actor=event.actor,
            address=event.address,
        )
        headers, body = encode(what, row.format)
        # Ended from the beginning, so that nobody else sends it in the meantime.
        values = {
            "webhook_id": number,
            "event_id": what.number,
            "kind": KIND,
            "headers": json.dumps(headers),
            "body": body,
            "state": "dead",
            "attempts": 1,
            "due_at": now(),
            "created_at": now(),
            "finished_at": now(),
        }
        return int(connection.execute(DELIVERY.insert().values(values).returning(DELIVERY.c.id)).scalar_one())

    made = database.write(work)
    query = select(DELIVERY, WEBHOOK.c.url, WEBHOOK.c.verify).join_from(
        DELIVERY, WEBHOOK, WEBHOOK.c.id == DELIVERY.c.webhook_id
    )
    with database.read() as connection:
        row = connection.execute(query.where(DELIVERY.c.id == made)).first()
    if row is None:
        raise WebhookUnknownError(f"there is no webhook {number}")
    outcome = attempt(database, seal, settings, row)
    noted(database, made, outcome, {"state": "done" if outcome.delivered else "dead", "finished_at": now()})
    found = deliveries(database, webhook=number, before=made + 1, count=1)
    if not found:
        raise WebhookUnknownError(f"there is no webhook {number}")
    return found[0]
