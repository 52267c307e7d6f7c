"""What makes tampering with the events show."""

from sqlalchemy import BigInteger, Column, Table, Text

from dockyard.server.schema.tables import METADATA, number, ordered

# The hash over an event and the hash of the event before it.
AUDIT_LINK = Table(
    "audit_link",
    METADATA,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", ordered(64), nullable=False),
)

# Where the events begin since older ones were removed on purpose.
AUDIT_CHECKPOINT = Table(
    "audit_checkpoint",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("event_id", BigInteger, nullable=False, comment="the last one that was removed"),
    Column("hash", ordered(64), nullable=False, comment="of its link"),
    Column("removed", BigInteger, nullable=False, comment="how many events"),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
)
