"""The rules of projects at work: asked by pushes and deletions (`stored.rules.Rules`).

All is asked in the transaction that makes the change. On SQLite one transaction writes at a time, so rules hold
exactly. On PostgreSQL a lock on each tag does that for tags. Quotas are summed without pushes waiting for one another
as long as 64 of them, each as large as this one, would still fit; nearer to the quota they take turns, after those that
were under way have ended, so that none of them misses what another has brought.
"""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Connection, bindparam, select, text

from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.events import record
from dockyard.server.prepared import Prepared
from dockyard.server.rules import quota, tag_rules
from dockyard.server.rules.project import within
from dockyard.server.schema.projects import PROJECT

_ABREAST = 64
_QUOTAS = 0x646F6371
"""With a project's number, the name of the lock that pushes near its quota take turns by."""


@cache
def _bound(postgresql: bool) -> Prepared:
    query = select(PROJECT.c.name, PROJECT.c.quota).where(PROJECT.c.id == bindparam("number"))
    return Prepared(postgresql, query)


class Enforced:
    """Holds every project to its own rules."""

    def linking(self, connection: Connection, project: int, length: int) -> None:
        """Refuse what goes over the quota, and note when a project comes near it.

        Raises:
            WireError: DENIED, with what is used and what is allowed.
        """
        name, most = _bound(connection.dialect.name == "postgresql")(connection, number=project).one()
        if most is None:
            return
        after = self._after(connection, project, length, most)
        if after > most:
            before = after - length
            said = f"project {name} uses {before} of {most} bytes; this blob would add {length}"
            raise WireError(codes.QUOTA_EXCEEDED._replace(meaning=said), said)
        edge = int(most * quota.WARN_AT)
        if after - length < edge <= after:
            record(connection, "quota.warning", project=name, reference=name, detail={"used": after, "quota": most})

    @staticmethod
    def _after(connection: Connection, project: int, length: int, most: int) -> int:
        """What the project uses, with this change and all that was committed before it."""
        after = quota.used(connection, project)
        if connection.dialect.name != "postgresql":
            return after
        near = after + _ABREAST * length > most
        # Who is near waits for all, who is not for nobody but those who are near.
        kind = "pg_advisory_xact_lock" if near else "pg_advisory_xact_lock_shared"
        connection.execute(text(f"SELECT {kind}(:space, :project)"), {"space": _QUOTAS, "project": project})
        return quota.used(connection, project)

    def pointing(self, connection: Connection, project: int, name: str, moves: Sequence[tuple[str, str]]) -> None:
        """Refuse tags that the project does not take, and to move immutable ones.

        Raises:
            WireError: DENIED with 403 or 412, naming the rule.
        """
        rules = tag_rules.rules_of(connection, project)
        if not rules:
            return
        repository = within(name)
        for tag, before in moves:
            reason = tag_rules.refusal(rules, repository, tag)
            if reason:
                raise WireError(codes.TAG_REFUSED._replace(meaning=reason), reason)
            rule = tag_rules.immutable(rules, repository, tag) if before else None
            if rule is not None:
                reason = f"tag {tag} is immutable by {rule} and is at {before}"
                raise WireError(codes.TAG_IMMUTABLE._replace(meaning=reason), reason)

    def forgetting(self, connection: Connection, project: int, name: str, tags: Sequence[str]) -> None:
        """Refuse to forget immutable tags.

        Raises:
            WireError: DENIED with 412, naming the rule.
        """
        rules = tag_rules.rules_of(connection, project) if tags else []
        for tag in tags if rules else ():
            rule = tag_rules.immutable(rules, within(name), tag)
            if rule is not None:
                reason = f"tag {tag} is immutable by {rule}"
                raise WireError(codes.TAG_IMMUTABLE._replace(meaning=reason), reason)
