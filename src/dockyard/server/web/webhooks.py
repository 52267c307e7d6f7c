"""Webhooks: whom a project, or the whole registry, tells what happens; and how the deliveries of each went."""

from typing import Any

from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.project import head
from dockyard.server.web.trouble import PageUnknownError
from dockyard.server.web.visit import Visit
from dockyard.server.webhooks import kept, log, trial
from dockyard.server.webhooks.formats import FORMATS
from dockyard.server.webhooks.kept import Webhook, WebhookUnknownError

_COUNT = 100
_DELIVERIES = 25
_STATES = ("waiting", "done", "dead")


def _show(visit: Visit, made: int = 0, secret: str = "") -> Answer:
    project = visit.places[0] if visit.places else ""
    top = head(visit) if project else None
    visit.demand(project, "webhook", "list")
    after = visit.query("after", 17)
    with visit.desk.database.read() as connection:
        last = int(after) if after.isascii() and after.isdigit() else 0
        found = kept.webhooks(connection, project or None, after=last, count=_COUNT + 1)
    words = {"project": top, "within": project, "webhooks": found[:_COUNT], "more": len(found) > _COUNT}
    return Page("webhooks.html", {**words, **_choices(), "made": made, "secret": secret})


def _choices() -> dict[str, Any]:
    return {"formats": FORMATS, "usual": " ".join(kept.KINDS)}


def _add(visit: Visit) -> Answer:
    project = visit.places[0] if visit.places else ""
    visit.demand(project, "webhook", "create")
    made, secret = kept.add(
        visit.desk.database,
        visit.desk.seal,
        visit.text("url", 2000),
        project=project,
        kinds=visit.several("kinds") or kept.KINDS,
        repositories=visit.text("repositories", 512) or "**",
        form=visit.text("format"),
        secret=visit.text("secret", 200),
        authorization=visit.text("authorization", 4000),
        verify=not visit.checked("unchecked"),
    )
    visit.form = {}
    return _show(visit, made.number, secret)


def _found(visit: Visit, action: str) -> Webhook:
    """The webhook that the address names, if the caller may do that to it."""
    try:
        found = kept.get(visit.desk.database, int(visit.places[0]))
    except WebhookUnknownError:
        visit.demand("", "webhook", action)
        raise PageUnknownError(f"there is no webhook {visit.places[0]}") from None
    visit.demand(found.project, "webhook", action)
    return found


def _one(visit: Visit) -> Answer:
    found = _found(visit, "read")
    before, state = visit.query("before", 17), visit.query("state")
    sent = log.deliveries(
        visit.desk.database,
        webhook=found.number,
        state=state if state in _STATES else "",
        before=int(before) if before.isascii() and before.isdigit() else 0,
        count=_DELIVERIES + 1,
    )
    words = {"webhook": found, "deliveries": sent[:_DELIVERIES], "more": len(sent) > _DELIVERIES, "states": _STATES}
    waits = any(each.state == "waiting" for each in sent[:_DELIVERIES])
    return Page("webhook.html", {**words, **_choices(), "live": waits})


def _change(visit: Visit) -> Answer:
    found = _found(visit, "update")
    kept.change(
        visit.desk.database,
        visit.desk.seal,
        found.number,
        url=visit.text("url", 2000),
        kinds=visit.several("kinds") or kept.KINDS,
        repositories=visit.text("repositories", 512) or "**",
        form=visit.text("format"),
        secret=visit.text("secret", 200) or None,
        authorization=visit.text("authorization", 4000) or None,
        verify=not visit.checked("unchecked"),
    )
    return Moved(f"/webhooks/{found.number}", "The webhook is changed.")


def _switch(visit: Visit) -> Answer:
    found = _found(visit, "update")
    kept.switch(visit.desk.database, found.number, active=not found.active)
    said = "passed by from now on." if found.active else "told from now on."
    return Moved(f"/webhooks/{found.number}", f"Events are {said}")


def _remove(visit: Visit) -> Answer:
    found = _found(visit, "delete")
    kept.remove(visit.desk.database, found.number)
    back = f"/projects/{found.project}/webhooks" if found.project else "/webhooks"
    return Moved(back, f"Webhook {found.number} is removed.")


def _test(visit: Visit) -> Answer:
    found = _found(visit, "update")
    desk = visit.desk
    sent = trial.test(desk.database, desk.seal, desk.settings.webhooks, desk.settings.url, found.number)
    last = sent.tries[-1]
    told = f"HTTP status {last.status} in {last.milliseconds} ms"
    said = f"The receiver took it: {told}." if sent.state == "done" else f"It was not taken: {last.error or told}."
    return Moved(f"/webhooks/{found.number}", said)


def _redeliver(visit: Visit) -> Answer:
    found, delivery = _found(visit, "update"), visit.whole("delivery")
    log.redeliver(visit.desk.database, delivery, webhook=found.number)
    return Moved(f"/webhooks/{found.number}", f"Delivery {delivery} waits to be sent again.")


VIEW = View(_show, {"add": _add})
ONE = View(_one, {"change": _change, "switch": _switch, "remove": _remove, "test": _test, "redeliver": _redeliver})
