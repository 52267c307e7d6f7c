"""Which of several server processes works on the jobs: one for each database, and another when it ends, however it
ends, as the kernel or PostgreSQL then lets go of its lock.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dockyard.server.database import Database

_LOCK = 0x6A6F6273  # any number that nobody else locks


class Lead(Protocol):
    """A lock that one process holds."""

    def take(self) -> bool:
        """Try to become the one; whether this process is it now."""

    def kept(self) -> bool:
        """Whether this process still is the one."""

    def drop(self) -> None:
        """Let another be it."""


class FileLead:
    """Among the processes of one machine, by a lock on the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def take(self) -> bool:
        """Try to lock the file."""
        if self._handle < 0:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def kept(self) -> bool:
        """A file's lock is never taken away."""
        return True

    def drop(self) -> None:
        """Unlock it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class DatabaseLead:
    """Among all replicas of a PostgreSQL database, by a lock that lasts as long as a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._engine = create_engine(
            database.engine.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            # A leader whose machine vanished must not keep the others waiting for hours.
            connect_args={"connect_timeout": 5, "application_name": "dockyard jobs", "keepalives_idle": 10},
        )
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Try to lock."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            query = text("SELECT pg_try_advisory_lock(:number)")
            return bool(self._connection.execute(query, {"number": _LOCK}).scalar())
        except SQLAlchemyError:
            self.drop()
            return False

    def kept(self) -> bool:
        """Whether the connection that holds the lock still lives."""
        try:
            if self._connection is None:
                return False
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self.drop()
            return False
        return True

    def drop(self) -> None:
        """End the connection, and the lock with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                # The server would notice the connection's end only a moment later.
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
                connection.close()
            except SQLAlchemyError:
                connection.invalidate()
                connection.close()
