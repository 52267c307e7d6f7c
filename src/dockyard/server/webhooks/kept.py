"""The webhooks themselves: added, changed, listed, removed; who may do that is asked before."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, select, update

from dockyard.errors import UsageError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.globs import matches, of_repositories
from dockyard.server.rules.project import project_number
from dockyard.server.schema.webhooks import WEBHOOK
from dockyard.server.sealing import Seal
from dockyard.server.webhooks.formats import FORMATS
from dockyard.server.webhooks.signature import check, new_secret

KINDS = ("push", "pull", "delete", "tag.delete", "finding.new", "quota.*", "replication.*", "retention.*")
"""What a webhook is told of where nothing else was said; any other kind of event can be named, too."""

_MOST = 50
_PURPOSE = "webhook"


class WebhookUnknownError(UsageError):
    """There is no webhook of that number."""

    reference = "webhook-unknown"
    hint = "`dockyard registry webhook list` shows the numbers."


class WebhookInvalidError(UsageError):
    """A webhook's URL, format or kinds of events are not right, or the project has too many webhooks."""

    reference = "webhook-invalid"
    hint = f"The URL begins with http:// or https://; formats are {', '.join(FORMATS)}; kinds are like push or quota.*."


@dataclass(frozen=True)
class Webhook:
    """A webhook without its secrets. `project` is empty where it is told of all projects."""

    number: int
    project: str
    url: str
    kinds: tuple[str, ...]
    repositories: str
    format: str
    verify: bool
    active: bool
    created_at: int

    def wants(self, kind: str, project: str, repository: str) -> bool:
        """Whether it is to be told of an event."""
        if not self.hears(kind) or (self.project and self.project != project):
            return False
        return self.repositories == "**" or (bool(repository) and matches(self.repositories, repository))

    def hears(self, kind: str) -> bool:
        """Whether it is to be told of some events of a kind."""
        named = (kind == each or (each.endswith("*") and kind.startswith(each[:-1])) for each in self.kinds)
        return self.active and any(named)

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return {
            "number": self.number,
            "project": self.project,
            "url": self.url,
            "kinds": list(self.kinds),
            "repositories": self.repositories,
            "format": self.format,
            "verify": self.verify,
            "active": self.active,
            "created_at": self.created_at,
        }


def add(
    database: Database,
    seal: Seal,
    url: str,
    *,
    project: str = "",
    kinds: Sequence[str] = KINDS,
    repositories: str = "**",
    form: str = "cloudevents",
    secret: str = "",
    authorization: str = "",
    verify: bool = True,
) -> tuple[Webhook, str]:
    """Make a webhook; returns it with its secret, which is not shown again.

    Args:
        database: of the registry.
        seal: encrypts the secret and `authorization`.
        url: where deliveries go, by HTTP or HTTPS.
        project: whose events; empty for all.
        kinds: of events; `*` at the end stands for the rest of a name.
        repositories: a glob over names without the project's.
        form: cloudevents, cloudevents-binary or docker.
        secret: signs deliveries; made here where it is empty.
        authorization: the value of a header Authorization.
        verify: whether the receiver's certificate is checked.

    Raises:
        WebhookInvalidError, WebhookSecretError, GlobInvalidError, ProjectUnknownError: something is not right.
    """
    _check(url, kinds, form)
    of_repositories(repositories)
    secret = check(secret) if secret else new_secret()
    values = {
        "project": project,
        "url": url,
        "kinds": json.dumps(list(kinds)),
        "repositories": repositories,
        "format": form,
        "secret": seal.seal(secret, _PURPOSE),
        "authorization": seal.seal(authorization, _PURPOSE),
        "verify": verify,
        "active": True,
        "created_at": now(),
    }

    def work(connection: Connection) -> Webhook:
        if project:
            project_number(connection, project)
        known = connection.execute(select(WEBHOOK.c.id).where(WEBHOOK.c.project == project)).all()
        if len(known) >= _MOST:
            raise WebhookInvalidError(f"there are {_MOST} webhooks already")
        row = connection.execute(WEBHOOK.insert().values(values).returning(WEBHOOK)).one()
        record(
            connection,
            "webhook.create",
            project=project,
            reference=str(row.id),
            detail={"url": _shown(url), "kinds": list(kinds)},
        )
        return _webhook(row)

    return database.write(work), secret


def get(database: Database, number: int) -> Webhook:
    """One webhook.

    Raises:
        WebhookUnknownError: there is none of that number.
    """
    with database.read() as connection:
        row = connection.execute(select(WEBHOOK).where(WEBHOOK.c.id == number)).first()
    if row is None:
        raise WebhookUnknownError(f"there is no webhook {number}")
    return _webhook(row)


def change(
    database: Database,
    seal: Seal,
    number: int,
    *,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    repositories: str | None = None,
    form: str | None = None,
    secret: str | None = None,
    authorization: str | None = None,
    verify: bool | None = None,
    active: bool | None = None,
) -> Webhook:
    """Change what is not None. What waits to be sent goes to the new URL, in the form that it was made in.

    Raises:
        WebhookUnknownError, WebhookInvalidError, WebhookSecretError, GlobInvalidError: something is not right.
    """
    wanted = {
        "url": url,
        "kinds": None if kinds is None else json.dumps(list(kinds)),
        "repositories": None if repositories is None else of_repositories(repositories),
        "format": form,
        "secret": None if secret is None else seal.seal(check(secret), _PURPOSE),
        "authorization": None if authorization is None else seal.seal(authorization, _PURPOSE),
        "verify": verify,
        "active": active,
    }
    values = {name: value for name, value in wanted.items() if value is not None}

    def work(connection: Connection) -> Webhook:
        row = connection.execute(select(WEBHOOK).where(WEBHOOK.c.id == number)).first()
        if row is None:
            raise WebhookUnknownError(f"there is no webhook {number}")
        before = _webhook(row)
        _check(
            before.url if url is None else url,
            before.kinds if kinds is None else kinds,
            before.format if form is None else form,
        )
        if values:
            statement = update(WEBHOOK).where(WEBHOOK.c.id == number).values(values)
            row = connection.execute(statement.returning(WEBHOOK)).one()
            record(
                connection,
                "webhook.update",
                project=row.project,
                reference=str(number),
                detail={"changed": sorted(values), "url": _shown(row.url)},
            )
        return _webhook(row)

    return database.write(work)


def switch(database: Database, number: int, *, active: bool) -> Webhook:
    """Let a webhook be told of events, or not any longer. While it is not, events pass it by.

    Raises:
        WebhookUnknownError: there is none of that number.
    """

    def work(connection: Connection) -> Webhook:
        statement = update(WEBHOOK).where(WEBHOOK.c.id == number).values(active=active)
        row = connection.execute(statement.returning(WEBHOOK)).first()
        if row is None:
            raise WebhookUnknownError(f"there is no webhook {number}")
        kind = "webhook.enable" if active else "webhook.disable"
        record(connection, kind, project=row.project, reference=str(number))
        return _webhook(row)

    return database.write(work)


def remove(database: Database, number: int) -> None:
    """Forget a webhook, its deliveries and their log.

    Raises:
        WebhookUnknownError: there is none of that number.
    """

    def work(connection: Connection) -> None:
        row = connection.execute(delete(WEBHOOK).where(WEBHOOK.c.id == number).returning(WEBHOOK.c.project)).first()
        if row is None:
            raise WebhookUnknownError(f"there is no webhook {number}")
        record(connection, "webhook.delete", project=row.project, reference=str(number))

    database.write(work)


def webhooks(
    connection: Connection, project: str | None = None, *, after: int = 0, count: int | None = None
) -> list[Webhook]:
    """Webhooks by number, or those of one project (empty: those of all); at most `count` after number `after`."""
    query = select(WEBHOOK).where(WEBHOOK.c.id > after).order_by(WEBHOOK.c.id).limit(count)
    if project is not None:
        query = query.where(WEBHOOK.c.project == project)
    return [_webhook(row) for row in connection.execute(query).all()]


def listing(database: Database, project: str = "") -> list[Webhook]:
    """All webhooks, or those of a project, by number."""
    with database.read() as connection:
        return webhooks(connection, project or None)


def secrets_of(database: Database, seal: Seal, number: int) -> tuple[str, str]:
    """The secret of a webhook, and the Authorization header that it sends, if any.

    Raises:
        WebhookUnknownError, SealBrokenError: there is none, or it cannot be read.
    """
    query = select(WEBHOOK.c.secret, WEBHOOK.c.authorization).where(WEBHOOK.c.id == number)
    with database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise WebhookUnknownError(f"there is no webhook {number}")
    return seal.open(row.secret, _PURPOSE), seal.open(row.authorization, _PURPOSE)


def _check(url: str, kinds: Sequence[str], form: str) -> None:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        right = right and (parts.port or 1) > 0 and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        right = False
    if not right or len(url) > 2000:
        raise WebhookInvalidError(f"not a webhook's URL: {url[:100]!r}")
    if form not in FORMATS:
        raise WebhookInvalidError(f"unknown format {form[:100]!r}")
    plain = [each.removesuffix("*").replace(".", "").replace("_", "").replace("-", "") for each in kinds]
    if not 0 < len(kinds) <= 50 or not all(
        (each.isalnum() or kind == "*") and len(kind) <= 100 for each, kind in zip(plain, kinds, strict=True)
    ):
        raise WebhookInvalidError(f"not kinds of events: {', '.join(kinds)[:100]!r}")


def _shown(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        int(row.id),
        row.project,
        row.url,
        tuple(json.loads(row.kinds)),
        row.repositories,
        row.format,
        bool(row.verify),
        bool(row.active),
        row.created_at,
    )
