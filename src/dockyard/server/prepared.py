"""Prepared statements: SQL that is compiled once, for the few statements of every push whose compilation costs most."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class Prepared:
    """The statement `statement` for either database; its parameters are those of the columns `keys` or its own.

    Values go to the driver as they are, so they have to be text and numbers.
    """

    def __init__(self, postgresql: bool, statement: Any, keys: Sequence[str] = ()) -> None:
        dialect: Any = (PGDialect_psycopg if postgresql else SQLiteDialect_pysqlite)()
        made = statement.compile(dialect=dialect, column_keys=list(keys) or None)
        self._text: str = made.string
        self._order: list[str] | None = list(made.positiontup) if made.positional else None

    def __call__(self, connection: Connection, **values: Any) -> Any:
        """Carry it out, and return its `sqlalchemy.CursorResult`."""
        given = values if self._order is None else tuple([values[name] for name in self._order])
        return connection.exec_driver_sql(self._text, given)
