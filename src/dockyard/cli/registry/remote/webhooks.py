"""Webhooks and their deliveries, as `dockyard.server.webhooks` has them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, RemoteRefusedError, part
from dockyard.server.webhooks.kept import Webhook
from dockyard.server.webhooks.log import Delivery


def listing(remote: Remote, project: str = "") -> list[Webhook]:
    """All that the caller may see, or those of a project."""
    found = remote.every(f"/projects/{part(project)}/webhooks" if project else "/webhooks")
    return msgspec.convert(found, list[Webhook])


def add(
    remote: Remote,
    seal: object,
    url: str,
    *,
    project: str = "",
    kinds: Sequence[str],
    repositories: str = "**",
    form: str = "cloudevents",
    secret: str = "",
    authorization: str = "",
    verify: bool = True,
) -> tuple[Webhook, str]:
    """Make one; the text is its secret."""
    document = {
        "url": url,
        "kinds": list(kinds),
        "repositories": repositories,
        "format": form,
        "secret": secret,
        "authorization": authorization,
        "verify": verify,
    }
    made = remote.ask("POST", f"/projects/{part(project)}/webhooks" if project else "/webhooks", document)
    return msgspec.convert(made["webhook"], Webhook), str(made["secret"])


def change(remote: Remote, seal: object, number: int, **changes: Any) -> Webhook:
    """Change what is not None."""
    document = {{"form": "format"}.get(name, name): value for name, value in changes.items() if value is not None}
    return msgspec.convert(remote.ask("PATCH", f"/webhooks/{number}", document), Webhook)


def remove(remote: Remote, number: int) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/webhooks/{number}")


def test(remote: Remote, number: int) -> Delivery:
    """Have one event sent at once."""
    return msgspec.convert(remote.ask("POST", f"/webhooks/{number}/test"), Delivery)


def deliveries(
    remote: Remote, *, webhook: int, state: str = "", before: int = 0, count: int = 50, project: str = ""
) -> list[Delivery]:
    """Deliveries of one webhook, or of all, newest first."""
    numbers = [webhook] if webhook else [each.number for each in listing(remote, project)]
    found: list[Delivery] = []
    for number in numbers:
        page = remote.ask("GET", f"/webhooks/{number}/deliveries", state=state, last=before, count=min(count, 1000))
        found += msgspec.convert(page, list[Delivery])
    return sorted(found, key=lambda each: -each.number)[:count]


def redeliver(remote: Remote, number: int, *, project: str = "") -> None:
    """Send one once more, of whichever webhook it is."""
    for each in listing(remote, project):
        try:
            remote.ask("POST", f"/webhooks/{each.number}/deliveries/{number}/redeliver")
        except RemoteRefusedError as error:
            if error.context.get("reference") != "delivery-unknown":
                raise
        else:
            return
    raise RemoteRefusedError(
        f"there is no delivery {number}", hint="`dockyard registry webhook log` shows the numbers."
    )
