"""The rules of projects at work: asked by pushes and deletions (`stored.rules.Rules`).

All is asked in the transaction that makes the change. On SQLite one transaction writes at a time, so rules hold
exactly. On PostgreSQL a lock on each tag does that for tags; quotas are summed without a lock, and pushes of the very
same moment may go over by what they bring.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.events import record
from dockyard.server.rules import quota, tag_rules
from dockyard.server.rules.project import within
from dockyard.server.schema.projects import PROJECT


class Enforced:
    """Holds every project to its own rules."""

    def linking(self, connection: Connection, project: int, length: int) -> None:
        """Refuse what goes over the quota, and note when a project comes near it.

        Raises:
            WireError: DENIED, with what is used and what is allowed.
        """
        name, most = connection.execute(select(PROJECT.c.name, PROJECT.c.quota).where(PROJECT.c.id == project)).one()
        if most is None:
            return
        after = quota.used(connection, project)
        if after > most:
            before = after - length
            said = f"project {name} uses {before} of {most} bytes; this blob would add {length}"
            raise WireError(codes.QUOTA_EXCEEDED._replace(meaning=said), said)
        edge = int(most * quota.WARN_AT)
        if after - length < edge <= after:
            record(connection, "quota.warning", project=name, reference=name, detail={"used": after, "quota": most})

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
