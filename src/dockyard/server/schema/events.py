"""What happened: written in the transaction that does it, so that none is lost. Audit and webhooks read it."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from dockyard.server.schema.tables import METADATA, number, ordered

EVENT = Table(
    "event",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("kind", Text, nullable=False, comment="such as push, delete, tag.delete, project.create"),
    Column("project", ordered(255), nullable=False, default=""),
    Column("repository", ordered(255), nullable=False, default=""),
    Column("reference", Text, nullable=False, default=""),
    Column("digest", Text, nullable=False, default=""),
    Column("actor", Text, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("detail", Text, nullable=False, default="{}"),
    Index("ix_event_project_id", "project", "id"),
)
