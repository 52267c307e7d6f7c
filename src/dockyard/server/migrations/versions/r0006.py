"""Labels."""

import sqlalchemy as sa
from alembic import op

from dockyard.server.schema.tables import number, ordered

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "label",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(64), nullable=False),
        sa.Column("project_id", number(), nullable=True, comment="null for a label of all projects"),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), nullable=False, comment="# and six hexadecimal digits"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_label_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
    )
    for name, columns, where in (
        ("uq_label_of_all", ["name"], sa.text("project_id IS NULL")),
        ("uq_label_of_one", ["project_id", "name"], sa.text("project_id IS NOT NULL")),
    ):
        op.create_index(name, "label", columns, unique=True, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "artifact_label",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("label_id", number(), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name="fk_artifact_label_label_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["repository_id", "digest"],
            ["manifest.repository_id", "manifest.digest"],
            name="fk_artifact_label_repository_id_digest",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "digest", "label_id", name="pk_artifact_label"),
    )
    op.create_index("ix_artifact_label_label_id", "artifact_label", ["label_id"])
    for table, said in (
        ("replication_rule", "a pattern for labels; empty for images with any or none"),
        ("retention_rule", "glob over labels; empty for images with any or none"),
    ):
        op.add_column(table, sa.Column("labels", sa.Text(), nullable=False, server_default="", comment=said))


def downgrade() -> None:
    """Go back to the one before, which knows no labels: rules that asked for some must not remove or copy more now."""
    keeps = sa.table("retention_rule", sa.column("keep", sa.Text()), sa.column("labels", sa.Text()))
    copies = sa.table("replication_rule", sa.column("active", sa.Boolean()), sa.column("labels", sa.Text()))
    op.execute(keeps.update().where(keeps.c.labels != "").values(keep="always"))
    op.execute(copies.update().where(copies.c.labels != "").values(active=sa.false()))
    op.drop_column("retention_rule", "labels")
    op.drop_column("replication_rule", "labels")
    op.drop_table("artifact_label")
    op.drop_table("label")
