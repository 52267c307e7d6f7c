"""The key that signs this registry's tokens: made once, kept in the database, shared by all processes and replicas."""

import json
import threading
import time
from typing import Any

from sqlalchemy import Connection, select

from dockyard.server.access.principal import Principal, require
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import SECRET

_CURRENT, _BEFORE = "signing", "signing.before"
_AGAIN_S = 5.0


class Keys:
    """The signing key, and the one before it, whose tokens still hold. May be used from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._signing = ""
        self._looked = float("-inf")

    def signing(self) -> tuple[str, Any]:
        """The key to sign with, and its name."""
        with self._lock:
            if not self._signing or time.monotonic() - self._looked > 60:
                self._load()
            return self._signing, self._keys[self._signing]

    def named(self, name: str) -> Any | None:
        """The key of that name, None if there is none such."""
        with self._lock:
            if name not in self._keys and time.monotonic() - self._looked > _AGAIN_S:
                self._load()
            return self._keys.get(name)

    def _load(self) -> None:
        from joserfc.jwk import ECKey

        query = select(SECRET.c.name, SECRET.c.value).where(SECRET.c.name.in_((_CURRENT, _BEFORE)))
        with self._database.read() as connection:
            rows = {row.name: row.value for row in connection.execute(query)}
        if _CURRENT not in rows:
            self._database.write(lambda connection: _make(self._database, connection))
            with self._database.read() as connection:
                rows = {row.name: row.value for row in connection.execute(query)}
        documents = {name: json.loads(value) for name, value in rows.items()}
        self._keys = {each["kid"]: ECKey.import_key(each) for each in documents.values()}
        self._signing = documents[_CURRENT]["kid"]
        self._looked = time.monotonic()


def rotate(database: Database, by: Principal) -> None:
    """Sign with a new key from now on. Tokens signed with the one before hold on; those of the one before that end.

    Raises:
        AccessDeniedError: `by` is no system admin.
    """
    require(by, "", "key", "update")

    def work(connection: Connection) -> None:
        database.lock(connection, "signing")
        _make(database, connection)
        kept = connection.execute(select(SECRET.c.value).where(SECRET.c.name == _CURRENT)).scalar_one()
        _put(database, connection, _BEFORE, kept)
        _put(database, connection, _CURRENT, _document())
        record(connection, "key.rotate", detail={"by": by.name})

    database.write(work)


def _make(database: Database, connection: Connection) -> None:
    values = {"name": _CURRENT, "value": _document(), "created_at": now()}
    connection.execute(database.insert(SECRET).values(values).on_conflict_do_nothing())


def _put(database: Database, connection: Connection, name: str, value: str) -> None:
    values = {"value": value, "created_at": now()}
    statement = database.insert(SECRET).values({"name": name, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def _document() -> str:
    from joserfc.jwk import ECKey

    return json.dumps(ECKey.generate_key("P-256", auto_kid=True).as_dict(private=True))
