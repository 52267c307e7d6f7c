"""A project's rules for what it keeps, and when they are applied."""

from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection, delete, insert, select

from dockyard.server import globs
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.rules.project import project_number
from dockyard.server.rules.tag_rules import ProjectRuleInvalidError, ProjectRuleUnknownError
from dockyard.server.schema.projects import PROJECT
from dockyard.server.schema.rules import RETENTION, RETENTION_RULE

Keep = Literal["latest-pushed", "latest-pulled", "pushed-within", "pulled-within", "always"]
_MOST = 100
_MOST_AMOUNT = 1_000_000
_MOST_HOURS = 24 * 366


class RetentionRule(NamedTuple):
    """What is kept of the repositories, tags and labels that it speaks of: the latest so many, or what was pushed or
    pulled within so many days, or everything.
    """

    number: int
    keep: Keep
    amount: int
    repositories: str = "**"
    tags: str = "**"
    untagged: bool = False
    labels: str = ""

    def __str__(self) -> str:
        said = {
            "latest-pushed": f"the latest {self.amount} pushed",
            "latest-pulled": f"the latest {self.amount} pulled",
            "pushed-within": f"pushed within {self.amount} days",
            "pulled-within": f"pulled within {self.amount} days",
            "always": "always",
        }[self.keep]
        return f"rule {self.number} ({said})"


def rules_of(connection: Connection, project: int) -> list[RetentionRule]:
    """The rules of a project, oldest first."""
    table = RETENTION_RULE.c
    query = select(table.id, table.keep, table.amount, table.repositories, table.tags, table.untagged, table.labels)
    rows = connection.execute(query.where(table.project_id == project).order_by(table.id)).all()
    return [RetentionRule(*row) for row in rows]


def listed(database: Database, project: str) -> list[RetentionRule]:
    """The rules of a project by its name.

    Raises:
        ProjectUnknownError: there is none.
    """
    with database.read() as connection:
        return rules_of(connection, project_number(connection, project))


def add(
    database: Database,
    project: str,
    keep: str,
    amount: int = 0,
    *,
    repositories: str = "**",
    tags: str = "**",
    untagged: bool = False,
    labels: str = "",
) -> RetentionRule:
    """Give a project one more rule: what any rule keeps is kept, and the rest of the repositories that rules speak of
    goes at the next run.

    Raises:
        ProjectUnknownError, ProjectRuleInvalidError, GlobInvalidError.
    """
    if keep not in get_args(Keep):
        raise ProjectRuleInvalidError(f"no way to keep: {keep!r}", hint=f"There are {', '.join(get_args(Keep))}.")
    if keep != "always" and not 0 < amount <= _MOST_AMOUNT:
        raise ProjectRuleInvalidError(f"{keep} takes a number from 1 to {_MOST_AMOUNT}, not {amount}")
    globs.of_repositories(repositories)
    globs.read(tags)
    if labels:
        globs.read(labels)
    values = {
        "keep": keep,
        "amount": amount if keep != "always" else 0,
        "repositories": repositories,
        "tags": tags,
        "untagged": untagged,
        "labels": labels,
    }

    def work(connection: Connection) -> int:
        number = project_number(connection, project)
        if len(rules_of(connection, number)) >= _MOST:
            raise ProjectRuleInvalidError(f"a project has at most {_MOST} rules for what it keeps")
        row = {**values, "project_id": number, "created_at": now()}
        done = int(connection.execute(insert(RETENTION_RULE).values(row).returning(RETENTION_RULE.c.id)).scalar_one())
        record(connection, "retention.create", project=project, reference=str(done), detail=values)
        return done

    number = database.write(work)
    with database.read() as connection:
        return next(each for each in rules_of(connection, project_number(connection, project)) if each.number == number)


def remove(database: Database, project: str, number: int) -> None:
    """Take a rule away. A project without rules keeps everything.

    Raises:
        ProjectUnknownError, ProjectRuleUnknownError.
    """

    def work(connection: Connection) -> None:
        mine = (RETENTION_RULE.c.project_id == project_number(connection, project), RETENTION_RULE.c.id == number)
        if not connection.execute(delete(RETENTION_RULE).where(*mine)).rowcount:
            raise ProjectRuleUnknownError(f"project {project} has no rule {number} for what it keeps")
        record(connection, "retention.delete", project=project, reference=str(number))

    database.write(work)


def schedule(database: Database, project: str, hours: int) -> None:
    """Apply the rules every so many hours from now on; 0 only when somebody asks.

    Raises:
        ProjectUnknownError, ProjectRuleInvalidError.
    """
    if not 0 <= hours <= _MOST_HOURS:
        raise ProjectRuleInvalidError(f"hours are 0 to {_MOST_HOURS}, not {hours}")

    def work(connection: Connection) -> None:
        number = project_number(connection, project)
        values = {"hours": hours, "next_at": now() + hours * 3_600_000}
        statement = database.insert(RETENTION).values(project_id=number, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["project_id"], set_=values))
        record(connection, "retention.schedule", project=project, reference=project, detail={"hours": hours})

    database.write(work)


def due(database: Database) -> list[str]:
    """The projects whose rules are to be applied now; the next time of each is set."""

    def work(connection: Connection) -> list[str]:
        query = (
            select(PROJECT.c.name, RETENTION.c.project_id, RETENTION.c.hours)
            .join_from(RETENTION, PROJECT, PROJECT.c.id == RETENTION.c.project_id)
            .where(RETENTION.c.hours > 0, RETENTION.c.next_at <= now())
        )
        rows = connection.execute(query).all()
        for row in rows:
            mine = RETENTION.c.project_id == row[1]
            connection.execute(RETENTION.update().where(mine).values(next_at=now() + row[2] * 3_600_000))
        return [str(row[0]) for row in rows]

    with database.read() as connection:
        waiting = select(RETENTION.c.project_id).where(RETENTION.c.hours > 0, RETENTION.c.next_at <= now()).limit(1)
        if connection.execute(waiting).first() is None:
            return []
    return database.write(work)
