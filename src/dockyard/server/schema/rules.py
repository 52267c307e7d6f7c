"""What a project wants of its tags, and what it keeps."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from dockyard.server.schema.tables import METADATA, number

TAG_RULE = Table(
    "tag_rule",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False, comment="immutable, refused or required"),
    Column("repositories", Text, nullable=False, default="**", comment="glob over names without the project's"),
    Column("tags", Text, nullable=False, comment="glob; for required also semver or git-sha"),
    Column("created_at", BigInteger, nullable=False),
)

RETENTION_RULE = Table(
    "retention_rule",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("keep", Text, nullable=False, comment="latest-pushed, latest-pulled, pushed-within, pulled-within, always"),
    Column("amount", Integer, nullable=False, default=0, comment="how many images, or days"),
    Column("repositories", Text, nullable=False, default="**"),
    Column("tags", Text, nullable=False, default="**"),
    Column("untagged", Boolean, nullable=False, default=False, comment="whether it speaks of untagged images, too"),
    Column("labels", Text, nullable=False, default="", comment="glob over labels; empty for images with any or none"),
    Column("created_at", BigInteger, nullable=False),
)

# When a project's retention runs by itself; no row, or no hours: only when somebody asks.
RETENTION = Table(
    "retention",
    METADATA,
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("hours", Integer, nullable=False, default=0),
    Column("next_at", BigInteger, nullable=False, default=0),
)

RETENTION_RUN = Table(
    "retention_run",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("dry", Boolean, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False, comment="that are freed, each blob counted once"),
    Column("detail", Text, nullable=False, default="[]", comment="the first of what was removed; JSON"),
    Index("ix_retention_run_project_id_id", "project_id", "id"),
)
