"""Blobs, manifests, tags, and which refers to which."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text

from dockyard.server.schema.tables import METADATA, ordered

BLOB = Table(
    "blob",
    METADATA,
    Column("digest", ordered(140), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# A repository has a blob from its upload or mount on.
REPOSITORY_BLOB = Table(
    "repository_blob",
    METADATA,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", ForeignKey("blob.digest"), primary_key=True),
    Column("added_at", BigInteger, nullable=False),
    Index("ix_repository_blob_digest", "digest"),
)

# A project has a blob as long as one of its repositories has it: what quotas count.
PROJECT_BLOB = Table(
    "project_blob",
    METADATA,
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", ForeignKey("blob.digest"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Index("ix_project_blob_digest", "digest"),
)

MANIFEST = Table(
    "manifest",
    METADATA,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", ordered(140), primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("artifact_type", Text, nullable=False, default=""),
    Column("subject", ordered(140), comment="the digest of the manifest that this one refers to"),
    Column("raw", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False, comment="of everything it names, in bytes"),
    Column("annotations", Text, nullable=False, default="{}"),
    Column("pushed_at", BigInteger, nullable=False),
    Column("pushed_by", Text, nullable=False, default=""),
    Column("pulled_at", BigInteger),
    Column("partial", Boolean, nullable=False, default=False, comment="mirrored: what it names may still be elsewhere"),
    Index("ix_manifest_repository_id_subject", "repository_id", "subject"),
    Index("ix_manifest_digest", "digest"),
)

TAG = Table(
    "tag",
    METADATA,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("name", ordered(128), primary_key=True),
    Column("digest", ordered(140), nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False, default=""),
    Column("pulled_at", BigInteger),
    Index("ix_tag_repository_id_digest", "repository_id", "digest"),
)

# What a manifest names: blobs and, in an index, manifests.
REFERENCE = Table(
    "reference",
    METADATA,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("manifest", ordered(140), primary_key=True),
    Column("child", ordered(140), primary_key=True),
    Index("ix_reference_repository_id_child", "repository_id", "child"),
)

# Blobs that nothing may need any longer, and when to look again.
DELETION = Table(
    "deletion",
    METADATA,
    Column("digest", ordered(140), primary_key=True),
    Column("due_at", BigInteger, nullable=False, index=True),
)
