"""Prune the audit log by schedule; leave tags of others alone."""

import sqlalchemy as sa
from alembic import op

from dockyard.server.schema.tables import ordered

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "audit_gap",
        sa.Column(
            "last_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="the last one that was removed"
        ),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("before", ordered(64), nullable=False, comment="the link that the first one followed"),
        sa.Column("hash", ordered(64), nullable=False, comment="the link of the last one"),
        sa.Column("removed", sa.BigInteger(), nullable=False, comment="how many events"),
        sa.PrimaryKeyConstraint("last_id", name="pk_audit_gap"),
    )
    op.create_table(
        "audit_pruning",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False, comment="five fields as in crontab, or a span such as 24h"),
        sa.Column("hours", sa.Integer(), nullable=False, comment="how old events become"),
        sa.Column("keep", sa.Text(), nullable=False, comment="kinds that stay for ever; a JSON list"),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_pruning"),
    )
    comment = "whether tags that lead elsewhere are moved"
    # The rules that there are moved them always.
    override: sa.Column[bool] = sa.Column(
        "override", sa.Boolean(), nullable=False, server_default=sa.true(), comment=comment
    )
    op.add_column("replication_rule", override)


def downgrade() -> None:
    """Go back to the one before, which takes gaps in the audit log for tampering."""
    op.drop_column("replication_rule", "override")
    op.drop_table("audit_pruning")
    op.drop_table("audit_gap")
