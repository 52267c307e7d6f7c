"""Add the endpoints of replication."""

import sqlalchemy as sa
from alembic import op

from dockyard.server.schema.tables import number, ordered

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "replication_endpoint",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("registry", sa.Text(), nullable=False, comment="host, with port where it has one"),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("insecure", sa.Boolean(), nullable=False),
        sa.Column("ca", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True, comment="when it was asked last whether it answers"),
        sa.Column("trouble", sa.Text(), nullable=False, comment="what was wrong then; empty for nothing"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_replication_endpoint"),
        sa.UniqueConstraint("name", name="uq_replication_endpoint_name"),
    )
    endpoint = sa.Column(
        "endpoint_id", sa.BigInteger(), nullable=True, comment="where the registry and how to log in there are kept"
    )
    op.add_column("replication_rule", endpoint)


def downgrade() -> None:
    """Go back to the one before: rules with an endpoint get its registry; its password is not theirs to have."""
    rule, endpoint = sa.table("replication_rule"), sa.table("replication_endpoint")
    for name in ("endpoint_id", "registry", "username", "insecure", "ca", "active"):
        rule.append_column(sa.column(name))
    for name in ("id", "registry", "username", "insecure", "ca"):
        endpoint.append_column(sa.column(name))
    mine = endpoint.c.id == rule.c.endpoint_id
    values = {
        name: sa.select(endpoint.c[name]).where(mine).scalar_subquery()
        for name in ("registry", "username", "insecure", "ca")
    }
    op.execute(rule.update().where(rule.c.endpoint_id.is_not(None)).values(**values, active=sa.false()))
    op.drop_column("replication_rule", "endpoint_id")
    op.drop_table("replication_endpoint")
