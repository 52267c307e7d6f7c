"""`/webhooks` and `/projects/…/webhooks`: who is told by HTTP what happens, and how the deliveries went."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from dockyard.server.access import projects
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, LastNumber, Number, Part, route
from dockyard.server.api.words import Url
from dockyard.server.webhooks import kept, log, trial
from dockyard.server.webhooks.formats import Format
from dockyard.server.webhooks.kept import Webhook
from dockyard.server.webhooks.log import Try

Kinds = Annotated[
    list[str],
    msgspec.Meta(min_length=1, max_length=50, description="Of events, such as push; `*` ends a beginning: quota.*"),
]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=512, description="Such as team/web-* or team/**.")]
Secret = Annotated[
    str, msgspec.Meta(max_length=200, description="`whsec_` and 24 to 64 bytes in base64; empty: one is made.")
]
Header = Annotated[str, msgspec.Meta(max_length=4000, description="The value of an Authorization header to send.")]
State = Literal["waiting", "done", "dead"]
_ONE = "/webhooks/{number:int}"


class WebhookNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A webhook to be made."""

    url: Url
    kinds: Kinds = msgspec.field(default_factory=lambda: list(kept.KINDS))
    repositories: Pattern = "**"
    format: Format = "cloudevents"
    secret: Secret = ""
    authorization: Header = ""
    verify: bool = True


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a webhook; null changes nothing."""

    url: Url | None = None
    kinds: Kinds | None = None
    repositories: Pattern | None = None
    format: Format | None = None
    secret: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    authorization: Header | None = None
    verify: bool | None = None
    active: bool | None = None


class WebhookMade(msgspec.Struct, frozen=True):
    """A new webhook with the secret that signs its deliveries, which is shown this once."""

    webhook: Webhook
    secret: str


class DeliveryShown(msgspec.Struct, frozen=True):
    """A delivery, what was sent, and how each try went. Times are milliseconds since 1970."""

    number: int
    webhook: int
    event: int
    kind: str
    state: State
    attempts: int
    due_at: int
    created_at: int
    finished_at: int | None
    headers: dict[str, str]
    body: str
    tries: list[Try]


class Waiting(msgspec.Struct, frozen=True):
    """The delivery that waits to be sent."""

    delivery: int


@route("GET", "/webhooks", "webhooks", paged=True)
def webhooks_list(
    visit: Guest, request: Request[Any, Any, Any], last: LastNumber = 0, count: Count = 100
) -> Response[list[Webhook]]:
    """All webhooks, those of projects too, by number. For system admins."""
    visit.demand("", "webhook", "list")
    return _listed(visit, request, None, last, count)


@route("POST", "/webhooks", "webhooks")
def webhook_create(visit: Guest, data: JSONBody[WebhookNew]) -> WebhookMade:
    """Make a webhook that hears of all projects. For system admins."""
    return _made(visit, "", data)


@route("GET", "/projects/{project:str}/webhooks", "webhooks", paged=True)
def project_webhooks_list(
    visit: Guest, request: Request[Any, Any, Any], project: Part, last: LastNumber = 0, count: Count = 100
) -> Response[list[Webhook]]:
    """A project's webhooks, by number. For maintainers."""
    visit.demand(project, "webhook", "list")
    projects.get(visit.database, visit.by, project)
    return _listed(visit, request, project, last, count)


@route("POST", "/projects/{project:str}/webhooks", "webhooks")
def project_webhook_create(visit: Guest, project: Part, data: JSONBody[WebhookNew]) -> WebhookMade:
    """Make a webhook that hears of a project. For project admins."""
    return _made(visit, project, data)


@route("GET", _ONE, "webhooks")
def webhook_read(visit: Guest, number: Number) -> Webhook:
    """One webhook. For maintainers of its project."""
    return _one(visit, number, "read")


@route("PATCH", _ONE, "webhooks")
def webhook_update(visit: Guest, number: Number, data: JSONBody[WebhookChange]) -> Webhook:
    """Change a webhook, or switch it off or on. For project admins.

    While it is off, events pass it by.
    """
    _one(visit, number, "update")
    return kept.change(
        visit.database,
        visit.parts.seal,
        number,
        url=data.url,
        kinds=data.kinds,
        repositories=data.repositories,
        form=data.format,
        secret=data.secret,
        authorization=data.authorization,
        verify=data.verify,
        active=data.active,
    )


@route("DELETE", _ONE, "webhooks")
def webhook_delete(visit: Guest, number: Number) -> None:
    """Remove a webhook with its deliveries and their log. For project admins."""
    _one(visit, number, "delete")
    kept.remove(visit.database, number)


@route("POST", _ONE + "/test", "webhooks", status=200)
def webhook_test(visit: Guest, number: Number) -> DeliveryShown:
    """Send an event of the kind `webhook.test` at once and tell how it went. For project admins."""
    _one(visit, number, "update")
    settings = visit.parts.settings
    made = trial.test(visit.database, visit.parts.seal, settings.webhooks, settings.url, number)
    return msgspec.convert(made.to_json(), DeliveryShown)


@route("GET", _ONE + "/deliveries", "webhooks", paged=True)
def deliveries_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    number: Number,
    being: Annotated[State | None, QueryParameter(name="state", description="Only deliveries that are so.")] = None,
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[DeliveryShown]]:
    """What a webhook was sent or is to be sent, newest first, with every try. For maintainers of its project."""
    _one(visit, number, "read")
    found = log.deliveries(visit.database, webhook=number, state=being or "", before=last, count=count + 1)
    shown = msgspec.convert([each.to_json() for each in found], list[DeliveryShown])
    return page(visit, request, shown, count, found[count - 1].number if len(found) > count else 0)


@route("GET", _ONE + "/deliveries/{delivery:int}", "webhooks")
def delivery_read(visit: Guest, number: Number, delivery: Number) -> DeliveryShown:
    """One delivery. For maintainers of the webhook's project."""
    _one(visit, number, "read")
    return msgspec.convert(log.delivery(visit.database, delivery, webhook=number).to_json(), DeliveryShown)


@route("POST", _ONE + "/deliveries/{delivery:int}/redeliver", "webhooks", status=202)
def delivery_redeliver(visit: Guest, number: Number, delivery: Number) -> Waiting:
    """Send a delivery once more: the same body under the same number. For project admins."""
    _one(visit, number, "update")
    log.redeliver(visit.database, delivery, webhook=number)
    return Waiting(delivery)


def _one(visit: Guest, number: int, action: str) -> Webhook:
    """The webhook, if the caller may do that to it. Whoever may not even see it does not learn whether it is there."""
    try:
        found = kept.get(visit.database, number)
    except kept.WebhookUnknownError:
        visit.demand("", "webhook", action)
        raise
    visit.demand(found.project, "webhook", action)
    return found


def _listed(
    visit: Guest, request: Request[Any, Any, Any], project: str | None, last: int, count: int
) -> Response[list[Webhook]]:
    with visit.database.read() as connection:
        found = kept.webhooks(connection, project, after=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


def _made(visit: Guest, project: str, data: WebhookNew) -> WebhookMade:
    visit.demand(project, "webhook", "create")
    made, secret = kept.add(
        visit.database,
        visit.parts.seal,
        data.url,
        project=project,
        kinds=data.kinds,
        repositories=data.repositories,
        form=data.format,
        secret=data.secret,
        authorization=data.authorization,
        verify=data.verify,
    )
    return WebhookMade(made, secret)
