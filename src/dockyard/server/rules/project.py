"""Projects as their rules see them."""

from sqlalchemy import Connection, select

from dockyard.errors import UsageError
from dockyard.server.schema.projects import PROJECT


class ProjectUnknownError(UsageError):
    """There is no project of that name."""

    reference = "project-unknown"
    hint = "A project is the first part of its repositories' names."


def project_number(connection: Connection, name: str) -> int:
    """The number of a project.

    Raises:
        ProjectUnknownError: there is none of that name.
    """
    number = connection.execute(select(PROJECT.c.id).where(PROJECT.c.name == name)).scalar()
    if number is None:
        raise ProjectUnknownError(f"there is no project {name[:200]!r}")
    return int(number)


def within(name: str) -> str:
    """A repository's name without its project's."""
    first, slash, rest = name.partition("/")
    return rest if slash else first
