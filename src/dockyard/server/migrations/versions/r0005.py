"""Scan everything by schedule."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "scan_schedule",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False, comment="five fields as in crontab, or a span such as 24h"),
        sa.Column(
            "rematch", sa.Boolean(), nullable=False, comment="whether what was looked at already is matched anew"
        ),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scan_schedule"),
    )


def downgrade() -> None:
    """Go back to the one before."""
    op.drop_table("scan_schedule")
