"""Add webhooks, the audit's chain and replication."""

import sqlalchemy as sa
from alembic import op

from dockyard.server.schema.tables import number, ordered

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "audit_checkpoint",
        sa.Column("id", number(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False, comment="the last one that was removed"),
        sa.Column("hash", ordered(64), nullable=False, comment="of its link"),
        sa.Column("removed", sa.BigInteger(), nullable=False, comment="how many events"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_link",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", ordered(64), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_audit_link"),
    )
    op.create_table(
        "replication_rule",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(128), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False, comment="push or pull"),
        sa.Column("registry", sa.Text(), nullable=False, comment="the other one: host, with port where it has one"),
        sa.Column("repositories", sa.Text(), nullable=False, comment="a pattern for whole names at the source"),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column(
            "target",
            sa.Text(),
            nullable=False,
            comment="the name there: {name}, {rest} and {last} stand for parts of it",
        ),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("insecure", sa.Boolean(), nullable=False),
        sa.Column("ca", sa.Text(), nullable=False),
        sa.Column("events", sa.Boolean(), nullable=False, comment="whether pushes are copied as they come"),
        sa.Column("schedule", sa.Text(), nullable=False, comment="five fields as in crontab, or a span such as 6h"),
        sa.Column("deletions", sa.Boolean(), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False, comment="bytes a second; 0 for no bound"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True, comment="when the schedule wants it next"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_replication_rule"),
        sa.UniqueConstraint("name", name="uq_replication_rule_name"),
    )
    op.create_table(
        "webhook",
        sa.Column("id", number(), nullable=False),
        sa.Column("project", ordered(255), nullable=False, comment="empty: all projects"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column(
            "kinds",
            sa.Text(),
            nullable=False,
            comment="of events, as JSON list of names, or beginnings such as quota.*",
        ),
        sa.Column("repositories", sa.Text(), nullable=False, comment="a pattern for whole names"),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("authorization", sa.Text(), nullable=False, comment="the header's value, sealed"),
        sa.Column("verify", sa.Boolean(), nullable=False, comment="whether TLS certificates are checked"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_project", ["project"])

    op.create_table(
        "delivery",
        sa.Column("id", number(), nullable=False),
        sa.Column("webhook_id", number(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "headers", sa.Text(), nullable=False, comment="without the signature, which is made anew for each try"
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, done or dead"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name="fk_delivery_webhook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq_delivery_webhook_id_event_id"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_state_due_at", ["state", "due_at"])

    op.create_table(
        "replication_run",
        sa.Column("id", number(), nullable=False),
        sa.Column("rule_id", number(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False, comment="event, schedule or asked"),
        sa.Column("state", sa.Text(), nullable=False, comment="listing, running, done or failed"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="at listing"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["replication_rule.id"], name="fk_replication_run_rule_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_replication_run"),
    )
    with op.batch_alter_table("replication_run", schema=None) as batch_op:
        batch_op.create_index("ix_replication_run_rule_id", ["rule_id"])

    op.create_table(
        "attempt",
        sa.Column("id", number(), nullable=False),
        sa.Column("delivery_id", number(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True, comment="of the answer; null where there was none"),
        sa.Column("answer", sa.Text(), nullable=False, comment="its first bytes"),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_attempt_delivery_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("ix_attempt_delivery_id", ["delivery_id"])

    op.create_table(
        "replication_item",
        sa.Column("id", number(), nullable=False),
        sa.Column("run_id", number(), nullable=False),
        sa.Column("repository", ordered(255), nullable=False, comment="at the source"),
        sa.Column("reference", ordered(255), nullable=False, comment="a tag or digest"),
        sa.Column("action", sa.Text(), nullable=False, comment="copy or delete"),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting or failed; what is done is removed"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["replication_run.id"], name="fk_replication_item_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_replication_item"),
        sa.UniqueConstraint(
            "run_id", "repository", "reference", name="uq_replication_item_run_id_repository_reference"
        ),
    )
    with op.batch_alter_table("replication_item", schema=None) as batch_op:
        batch_op.create_index("ix_replication_item_state_due_at", ["state", "due_at"])


def downgrade() -> None:
    """Go back to the one before."""
    with op.batch_alter_table("replication_item", schema=None) as batch_op:
        batch_op.drop_index("ix_replication_item_state_due_at")

    op.drop_table("replication_item")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index("ix_attempt_delivery_id")

    op.drop_table("attempt")
    with op.batch_alter_table("replication_run", schema=None) as batch_op:
        batch_op.drop_index("ix_replication_run_rule_id")

    op.drop_table("replication_run")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_state_due_at")

    op.drop_table("delivery")
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_project")

    op.drop_table("webhook")
    op.drop_table("replication_rule")
    op.drop_table("audit_link")
    op.drop_table("audit_checkpoint")
