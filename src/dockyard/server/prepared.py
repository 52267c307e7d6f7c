"""Prepared statements: SQL whose text is made once, for the few that every push carries out, where that costs most.

On SQLite they go to the driver itself, as SQLAlchemy takes several times as long about them as the database; unless
somebody watches statements, as traces do.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class Rows(Protocol):
    """What a statement gives."""

    def first(self) -> Any:
        """The first row, or None."""

    def one(self) -> Any:
        """The only row."""


class Prepared:
    """The statement `statement` for either database; its parameters are those of the columns `keys` or its own.

    Values go to the driver as they are, so they have to be text and numbers.
    """

    def __init__(self, postgresql: bool, statement: Any, keys: Sequence[str] = ()) -> None:
        dialect: Any = (PGDialect_psycopg if postgresql else SQLiteDialect_pysqlite)()
        made = statement.compile(dialect=dialect, column_keys=list(keys) or None)
        self._text: str = made.string
        self._order: list[str] | None = list(made.positiontup) if made.positional else None

    def __call__(self, connection: Connection, **values: Any) -> Rows:
        """Carry it out in the connection's transaction."""
        if self._order is None:
            return connection.exec_driver_sql(self._text, values)
        given = tuple([values[name] for name in self._order])
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection) and not connection.dispatch.before_cursor_execute:
            try:
                return _Rows(driver.execute(self._text, given).fetchall())
            except sqlite3.Error:
                pass  # it did nothing; SQLAlchemy says what is wrong in its own words
        return connection.exec_driver_sql(self._text, given)


class _Rows:
    __slots__ = ("_rows",)

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        (row,) = self._rows
        return row
