"""Endpoints and rules of replication, their runs, and what each still has to copy or delete."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from dockyard.server.schema.tables import METADATA, number, ordered

REPLICATION_ENDPOINT = Table(
    "replication_endpoint",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(128), nullable=False, unique=True),
    Column("description", Text, nullable=False, default=""),
    Column("registry", Text, nullable=False, comment="host, with port where it has one"),
    Column("username", Text, nullable=False, default=""),
    Column("secret", Text, nullable=False, default="", comment="sealed"),
    Column("insecure", Boolean, nullable=False, default=False),
    Column("ca", Text, nullable=False, default=""),
    Column("checked_at", BigInteger, comment="when it was asked last whether it answers"),
    Column("trouble", Text, nullable=False, default="", comment="what was wrong then; empty for nothing"),
    Column("created_at", BigInteger, nullable=False),
)

REPLICATION_RULE = Table(
    "replication_rule",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(128), nullable=False, unique=True),
    Column("direction", Text, nullable=False, comment="push or pull"),
    Column("registry", Text, nullable=False, comment="the other one: host, with port where it has one"),
    Column("repositories", Text, nullable=False, comment="a pattern for whole names at the source"),
    Column("tags", Text, nullable=False),
    Column("target", Text, nullable=False, comment="the name there: {name}, {rest} and {last} stand for parts of it"),
    Column("username", Text, nullable=False, default=""),
    Column("secret", Text, nullable=False, default="", comment="sealed"),
    Column("insecure", Boolean, nullable=False, default=False),
    Column("ca", Text, nullable=False, default=""),
    Column("events", Boolean, nullable=False, default=False, comment="whether pushes are copied as they come"),
    Column("schedule", Text, nullable=False, default="", comment="five fields as in crontab, or a span such as 6h"),
    Column("deletions", Boolean, nullable=False, default=False),
    Column("override", Boolean, nullable=False, default=True, comment="whether tags that lead elsewhere are moved"),
    Column("parallel", Integer, nullable=False),
    Column("rate", BigInteger, nullable=False, comment="bytes a second; 0 for no bound"),
    Column("active", Boolean, nullable=False, default=True),
    Column("next_at", BigInteger, comment="when the schedule wants it next"),
    Column("created_at", BigInteger, nullable=False),
    Column(
        "labels", Text, nullable=False, default="", comment="a pattern for labels; empty for images with any or none"
    ),
    Column("endpoint_id", BigInteger, comment="where the registry and how to log in there are kept"),
)

REPLICATION_RUN = Table(
    "replication_run",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("rule_id", ForeignKey("replication_rule.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("trigger", Text, nullable=False, comment="event, schedule or asked"),
    Column("state", Text, nullable=False, comment="listing, running, done or failed"),
    Column("attempts", Integer, nullable=False, default=0, comment="at listing"),
    Column("due_at", BigInteger, nullable=False),
    Column("counts", Text, nullable=False, default="{}"),
    Column("error", Text, nullable=False, default=""),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
)

REPLICATION_ITEM = Table(
    "replication_item",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("run_id", ForeignKey("replication_run.id", ondelete="CASCADE"), nullable=False),
    Column("repository", ordered(255), nullable=False, comment="at the source"),
    Column("reference", ordered(255), nullable=False, comment="a tag or digest"),
    Column("action", Text, nullable=False, comment="copy or delete"),
    Column("state", Text, nullable=False, default="waiting", comment="waiting or failed; what is done is removed"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False, default=""),
    UniqueConstraint("run_id", "repository", "reference"),
    Index("ix_replication_item_state_due_at", "state", "due_at"),
)
