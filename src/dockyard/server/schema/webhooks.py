"""Webhooks, what they have to deliver, and how each try went."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from dockyard.server.schema.tables import METADATA, number, ordered

WEBHOOK = Table(
    "webhook",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project", ordered(255), nullable=False, default="", index=True, comment="empty: all projects"),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False, comment="of events, as JSON list of names, or beginnings such as quota.*"),
    Column("repositories", Text, nullable=False, default="**", comment="a pattern for whole names"),
    Column("format", Text, nullable=False),
    Column("secret", Text, nullable=False, comment="sealed"),
    Column("authorization", Text, nullable=False, default="", comment="the header's value, sealed"),
    Column("verify", Boolean, nullable=False, default=True, comment="whether TLS certificates are checked"),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", BigInteger, nullable=False),
)

DELIVERY = Table(
    "delivery",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("headers", Text, nullable=False, comment="without the signature, which is made anew for each try"),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, default="waiting", comment="waiting, done or dead"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    UniqueConstraint("webhook_id", "event_id"),
    Index("ix_delivery_state_due_at", "state", "due_at"),
)

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("delivery_id", ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer, comment="of the answer; null where there was none"),
    Column("answer", Text, nullable=False, default="", comment="its first bytes"),
    Column("error", Text, nullable=False, default=""),
    Column("milliseconds", Integer, nullable=False),
)
