"""When what somebody may do has changed: a number in the database that every change counts up.

Each process of each replica looks at it once a second, so a change holds everywhere within that time.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from dockyard.server.database import Database
from dockyard.server.schema.accounts import ACCOUNT, STATE
from dockyard.server.schema.projects import PROJECT

_NAME = "access"


@dataclass(frozen=True)
class State:
    """What holds for everybody.

    Attributes:
        number: another one means that rights may have changed.
        accounts: whether there are accounts, so that callers must show who they are.
        public: the public projects.
    """

    number: int
    accounts: bool
    public: frozenset[str]


def changed(database: Database, connection: Connection) -> None:
    """Count up, in the transaction that changes somebody's rights."""
    statement = database.insert(STATE).values({"name": _NAME, "number": 1})
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"number": STATE.c.number + 1}))


def current(database: Database, known: State | None = None) -> State:
    """The state as it is now; `known` itself where nothing has changed."""
    with database.read() as connection:
        number = int(connection.execute(select(STATE.c.number).where(STATE.c.name == _NAME)).scalar() or 0)
        if known is not None and known.number == number:
            return known
        accounts = bool(connection.execute(select(exists(select(ACCOUNT.c.id)))).scalar())
        public = connection.execute(select(PROJECT.c.name).where(PROJECT.c.public)).scalars()
        return State(number, accounts, frozenset(public))
