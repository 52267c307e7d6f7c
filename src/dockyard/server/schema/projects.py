"""Projects and their repositories."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, Table, Text

from dockyard.server.schema.tables import METADATA, number, ordered

PROJECT = Table(
    "project",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(255), nullable=False, unique=True),
    Column("public", Boolean, nullable=False, default=False),
    Column("quota", BigInteger, comment="most bytes of blobs, each counted once; null for no bound"),
    Column("settings", Text, nullable=False, default="{}"),
    Column("created_at", BigInteger, nullable=False),
)

REPOSITORY = Table(
    "repository",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", ordered(255), nullable=False, unique=True, comment="whole, with the project's name"),
    Column("description", Text, nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("pushed_at", BigInteger),
    Column("pulled_at", BigInteger),
    Column("pulls", BigInteger, nullable=False, default=0),
)

# How many bytes a project's blobs have, each blob counted once. Sixteen rows a project, by the digest's first digit, so
# that pushes side by side seldom wait for one another.
USAGE = Table(
    "usage",
    METADATA,
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("bytes", BigInteger, nullable=False, default=0),
)
