"""Labels, and the artifacts that have them."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text, text

from dockyard.server.schema.tables import METADATA, number, ordered

_OF_ALL, _OF_ONE = text("project_id IS NULL"), text("project_id IS NOT NULL")

LABEL = Table(
    "label",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(64), nullable=False),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), comment="null for a label of all projects"),
    Column("description", Text, nullable=False, default=""),
    Column("color", Text, nullable=False, comment="# and six hexadecimal digits"),
    Column("created_at", BigInteger, nullable=False),
    Index("uq_label_of_all", "name", unique=True, sqlite_where=_OF_ALL, postgresql_where=_OF_ALL),
    Index("uq_label_of_one", "project_id", "name", unique=True, sqlite_where=_OF_ONE, postgresql_where=_OF_ONE),
)

# A label goes with its artifact, and from every artifact with itself.
ARTIFACT_LABEL = Table(
    "artifact_label",
    METADATA,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", ordered(140), primary_key=True),
    Column("label_id", ForeignKey("label.id", ondelete="CASCADE"), primary_key=True),
    ForeignKeyConstraint(
        ["repository_id", "digest"], ["manifest.repository_id", "manifest.digest"], ondelete="CASCADE"
    ),
    Index("ix_artifact_label_label_id", "label_id"),
)
