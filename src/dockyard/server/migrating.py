"""Bringing a database to the schema of this program: Alembic's revisions in `migrations/`, applied one by one.

Each revision is a transaction of its own, so what is cut off goes on where it stopped. Only one process migrates a
database at a time; the others wait, and find nothing left to do. A database that is up to date costs one query, and
Alembic is not even imported.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, text

from dockyard.errors import UsageError
from dockyard.server.schema.every import metadata

if TYPE_CHECKING:
    from alembic.config import Config

# The newest revision. A test holds it to what the folder says.
HEAD = "0006"
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x446F636B79617264  # any number that nobody else locks


class DatabaseBehindError(UsageError):
    """The database has the schema of another version of the program, and was not told to be changed by itself."""

    reference = "database-behind"
    hint = "Look with `dockyard registry migrate --dry-run`, then run `dockyard registry migrate`; or set auto-migrate."


class DatabaseAheadError(UsageError):
    """The database was changed by a newer version of the program, which this one does not understand."""

    reference = "database-ahead"
    hint = "Run the newer version; it can take its changes back with `dockyard registry migrate --to REVISION`."


def revision(connection: Connection) -> str:
    """The database's revision, empty where it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def prepare(engine: Engine, *, allowed: bool) -> None:
    """See to it that the database has this program's schema: an empty one gets it, one that is behind is migrated.

    Args:
        engine: the database.
        allowed: whether tables that are there may be changed.

    Raises:
        DatabaseBehindError: it is behind and may not be changed.
        DatabaseAheadError: it is of a newer program.
    """
    with engine.connect() as connection:
        found = revision(connection)
    if found == HEAD:
        return
    if not found:
        _begin(engine)
        return
    _known(found)
    if not allowed:
        raise DatabaseBehindError(f"the database is at revision {found}, this program needs {HEAD}")
    migrate(engine)


def _begin(engine: Engine) -> None:
    """Give an empty database all tables at once; that is what all revisions together come to."""
    version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
    with _alone(engine) as connection, connection.begin():
        if not revision(connection):
            metadata().create_all(connection)
            version.create(connection, checkfirst=True)
            connection.execute(insert(version).values(version_num=HEAD))


def migrate(engine: Engine, to: str = "head") -> tuple[str, str]:
    """Bring the database to the revision `to`, forwards or backwards; returns the ones before and after.

    Raises:
        DatabaseAheadError: it is of a newer program.
        UsageError: there is no such revision.
    """
    from alembic import command

    with _alone(engine) as connection:
        before = revision(connection)
        connection.rollback()
        _known(before)
        target = HEAD if to == "head" else to
        config = _config(target)
        config.attributes["connection"] = connection
        if target == "base" or (before and target < before):
            command.downgrade(config, target)
        else:
            command.upgrade(config, target)
        after = revision(connection)
        connection.rollback()
    return before, after


def statements(engine: Engine, to: str = "head") -> str:
    """The SQL that `migrate` would run, as a script. Nothing is changed.

    Raises:
        DatabaseAheadError, UsageError: as `migrate`.
    """
    from alembic import command

    with engine.connect() as connection:
        before = revision(connection)
    _known(before)
    target = HEAD if to == "head" else to
    config = _config(target)
    if before == target:
        return ""
    out = io.StringIO()
    config.output_buffer = out
    config.attributes["dialect"] = engine.dialect
    if target == "base" or (before and target < before):
        command.downgrade(config, f"{before}:{target}", sql=True)
    else:
        command.upgrade(config, f"{before}:{target}" if before else target, sql=True)
    return out.getvalue()


def revisions() -> list[str]:
    """All revisions, oldest first."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config("head")).walk_revisions()
    return [each.revision for each in reversed(list(found))]


def _config(target: str) -> "Config":
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    if target not in (*known, "head", "base"):
        hint = f"There are: {', '.join(reversed(known))}, and base."
        raise UsageError(f"there is no revision {target[:40]!r}", hint=hint)
    return config


def _known(found: str) -> None:
    if found and not (_FOLDER / "versions" / f"r{found}.py").exists():
        raise DatabaseAheadError(f"the database is at revision {found[:40]}, this program knows up to {HEAD}")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection of the one process that migrates; each statement outside a transaction is one of its own."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # Of the session, as there is one transaction for each revision.
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK})
            connection.commit()
            try:
                yield connection
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _LOCK})
                connection.commit()
        else:
            # A table that is made anew must not take along what refers to it.
            driver: Any = connection.connection.driver_connection
            with _file_lock(engine):
                driver.execute("PRAGMA foreign_keys=OFF")
                try:
                    yield connection
                finally:
                    connection.rollback()
                    driver.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    import fcntl

    name: Any = engine.url.database
    with open(f"{name}.migrating", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
