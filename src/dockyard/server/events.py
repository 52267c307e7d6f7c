"""Noting what happens, in the transaction that does it."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, text

from dockyard.registry.caller import CALLER
from dockyard.server.clock import now
from dockyard.server.names import project_of
from dockyard.server.schema.events import EVENT

IN_FLIGHT = 0x646F636B79617264
"""On PostgreSQL, who writes an event shares the advisory lock of this number until the event can be seen."""


def record(
    connection: Connection,
    kind: str,
    *,
    project: str = "",
    repository: str = "",
    reference: str = "",
    digest: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note an event of the caller under way.

    Args:
        connection: of the transaction that does what is noted.
        kind: a noun and a verb such as `project.create`; of images `push`, `pull`, `delete`, `tag.delete`.
        project: derived from `repository` where empty.
        repository: the whole name.
        reference: the tag, or the name of what was changed.
        digest: of the manifest or blob.
        detail: what else is worth knowing; JSON.
    """
    caller = CALLER.get()
    if connection.dialect.name == "postgresql":
        # Followers wait for it, as numbers are given out in another order than transactions end.
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:number)"), {"number": IN_FLIGHT})
    connection.execute(
        insert(EVENT).values(
            at=now(),
            kind=kind,
            project=project or (project_of(repository) if repository else ""),
            repository=repository,
            reference=reference,
            digest=digest,
            actor=caller.name,
            address=caller.address,
            detail=json.dumps(detail or {}, separators=(",", ":")),
        )
    )
