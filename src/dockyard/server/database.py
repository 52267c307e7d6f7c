"""The database: SQLite in a file by default, PostgreSQL where several machines serve one registry.

Reading: `with database.read() as connection`. Writing: `database.write(work)` runs `work(connection)` in a transaction
of its own, which is on the disk when the call returns. On SQLite one thread writes for the whole process and commits
what waits together, as one flush of the disk serves them all. On PostgreSQL a transaction that lost a race (deadlock,
serialization) is run anew, as on SQLite one that waited beside another that failed, so `work` must not have effects
outside the database that a second run could not repeat.
"""

import contextlib
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dockyard._internal.retry import pauses
from dockyard.errors import DiskFullError, TransientError, UsageError
from dockyard.server import migrating
from dockyard.server.writer import Writer

T = TypeVar("T")
FILE = "registry.db"
"""What a registry's database is called in its folder, where it is a file."""
_BUSY_MS = 30_000
_TRIES = 8
_CONNECT_SECONDS = 5
_POOL_SECONDS = 10
_RESTED_SECONDS = 1
# Serialization failure and deadlock: another transaction went first, and this one may simply be run again.
_LOST_RACES = ("40001", "40P01")


class DatabaseError(TransientError):
    """The registry's database cannot be reached, or refuses what was asked of it."""

    reference = "database"
    hint = "Is it running, and is the address right? What was acknowledged before is not lost; try again."


class DatabaseAddressError(UsageError):
    """The database's address is neither a file nor a `postgresql://` URL."""

    reference = "database-address"
    hint = "Leave it out for a file in the storage folder, or write postgresql://user:password@host/name."


class Database:
    """One database. Make it with `open_database`; close it at the end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.postgresql = engine.dialect.name == "postgresql"
        self._writer = None if self.postgresql else Writer(engine)
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT") if self.postgresql else engine
        self._moment = engine.execution_options(isolation_level="REPEATABLE READ") if self.postgresql else engine

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with; what it sees is of one moment.

        Raises:
            DatabaseError: it cannot be reached.
        """
        with translated(), self._moment.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for single queries on the hot path: each sees a moment of its own, and on PostgreSQL none
        pays for a transaction around it.

        Raises:
            DatabaseError: it cannot be reached.
        """
        with translated(), self._single.connect() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return what it gives, once that is on the disk. If it raises, nothing was
        done.

        Raises:
            DatabaseError: the database cannot be reached; whether the work was done is then unknown.
        """
        if self._writer is not None:
            with translated():
                return self._writer.run(work)
        with translated():
            return self._transact(work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        waits = pauses(first=0.01, most=1.0)
        for _ in range(_TRIES - 1):
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _LOST_RACES:
                    raise
                time.sleep(next(waits))
        with self.engine.begin() as connection:
            return work(connection)

    def insert(self, table: Table) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases have."""
        return inserting(self.postgresql)(table)

    def lock(self, connection: Connection, name: str) -> None:
        """Hold the lock `name` until the transaction ends. On SQLite every writing transaction holds all of them."""
        if self.postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})

    def close(self) -> None:
        """Let go of everything; what was handed to `write` before is finished."""
        if self._writer is not None:
            self._writer.close()
        self.engine.dispose()


def inserting(postgres: bool) -> Callable[[Table], Any]:
    """What makes an INSERT with `on_conflict_…` for PostgreSQL or SQLite."""
    return postgresql.insert if postgres else sqlite.insert


def open_database(address: str, folder: Path, *, pool: int = 16, change: bool = False) -> Database:
    """The database at `address` (empty: the file `registry.db` in `folder`), its tables up to date.

    Args:
        address: see above.
        folder: where the file goes.
        pool: the most connections.
        change: whether the tables of a PostgreSQL database may be changed where they are behind; a file's always are.

    Raises:
        DatabaseAddressError: the address is of no known form.
        DatabaseError: it cannot be reached.
        DatabaseBehindError, DatabaseAheadError: as `migrating.prepare`.
    """
    engine = connect(address, folder, pool)
    try:
        with translated():
            migrating.prepare(engine, allowed=change or engine.dialect.name == "sqlite")
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def connect(address: str, folder: Path, pool: int = 4) -> Engine:
    """The database at `address` as it is, whatever its tables are. A file that is not there is made, for its owner
    alone.

    Raises:
        DatabaseAddressError: the address is of no known form.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not address:
        path = folder / FILE
        if not path.exists():
            # It holds what passwords and tokens are checked against; what SQLite lays beside it gets its mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        engine = create_engine(f"sqlite:///{path}", pool_size=pool, max_overflow=pool)
        event.listen(engine, "connect", _pragmas)
        event.listen(engine, "begin", _begin)
    elif address.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + address.partition("://")[2]
        # The pool is the most that this process ever asks of the server, however many clients wait.
        engine = create_engine(
            url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=_POOL_SECONDS,
            connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": "dockyard"},
        )
        event.listen(engine, "checkin", _rest)
        event.listen(engine, "checkout", _wake)
    else:
        raise DatabaseAddressError(f"not a database's address: {address.partition('://')[0][:40]!r}")
    return engine


def _rest(connection: Any, record: Any) -> None:
    record.info["rested"] = time.monotonic()


def _wake(connection: Any, record: Any, proxy: Any) -> None:
    """Look whether a connection that was not used for a while still lives; the pool makes another where it does not."""
    if time.monotonic() - record.info.get("rested", math.inf) > _RESTED_SECONDS:
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except Exception as error:
            raise DisconnectionError from error


def _pragmas(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by Python's driver
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "mmap_size=268435456",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    said = "BEGIN IMMEDIATE" if immediate else "BEGIN"
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(said)  # itself, as every small transaction pays for it
    except sqlite3.OperationalError as error:
        raise OperationalError(said, None, error) from error


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Let what the database's driver raises come out as `DatabaseError`, or `DiskFullError`."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseError("all connections to the database are busy") from error
    except DBAPIError as error:
        if isinstance(error, OperationalError) or error.connection_invalidated:
            said = str(error.orig).strip().partition("\n")[0][:300]
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise DiskFullError(f"the database failed: {said}") from error
            raise DatabaseError(f"the database failed: {said}") from error
        raise
