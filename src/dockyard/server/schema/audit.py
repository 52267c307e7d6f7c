"""What makes tampering with the events show."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

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

# Events that were removed on purpose from between others that were to stay.
AUDIT_GAP = Table(
    "audit_gap",
    METADATA,
    Column("last_id", BigInteger, primary_key=True, autoincrement=False, comment="the last one that was removed"),
    Column("first_id", BigInteger, nullable=False),
    Column("before", ordered(64), nullable=False, comment="the link that the first one followed"),
    Column("hash", ordered(64), nullable=False, comment="the link of the last one"),
    Column("removed", BigInteger, nullable=False, comment="how many events"),
)

# When old events are removed by themselves; one row, or none.
AUDIT_PRUNING = Table(
    "audit_pruning",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schedule", Text, nullable=False, comment="five fields as in crontab, or a span such as 24h"),
    Column("hours", Integer, nullable=False, comment="how old events become"),
    Column("keep", Text, nullable=False, comment="kinds that stay for ever; a JSON list"),
    Column("next_at", BigInteger, nullable=False),
)
