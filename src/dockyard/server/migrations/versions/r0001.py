"""Begin."""

import sqlalchemy as sa
from alembic import op

from dockyard.server.schema.tables import number, ordered

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "account",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True, comment="argon2; null where somebody else checks it"),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="local, oidc or ldap"),
        sa.Column("external_id", ordered(512), nullable=True, comment="who it is at its source"),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "seen_at",
            sa.BigInteger(),
            nullable=True,
            comment="the last login with a password or through another system",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("external_id", name="uq_account_external_id"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_table(
        "account_group",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="who says who is in it: local, oidc or ldap"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_group"),
        sa.UniqueConstraint("name", name="uq_account_group_name"),
    )
    op.create_table(
        "blob",
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blob"),
    )
    op.create_table(
        "deletion",
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_deletion"),
    )
    op.create_index("ix_deletion_due_at", "deletion", ["due_at"])
    op.create_table(
        "event",
        sa.Column("id", number(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="such as push, delete, tag.delete, project.create"),
        sa.Column("project", ordered(255), nullable=False),
        sa.Column("repository", ordered(255), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_at", "event", ["at"])
    op.create_index("ix_event_project_id", "event", ["project", "id"])
    op.create_table(
        "exemption",
        sa.Column("id", number(), nullable=False),
        sa.Column("project", ordered(255), nullable=False),
        sa.Column("subject", ordered(255), nullable=False, comment="an advisory, or the digest of an image"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True, comment="milliseconds since 1970; null for no end"),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exemption"),
    )
    op.create_index("ix_exemption_project", "exemption", ["project"])
    op.create_table(
        "finding",
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("advisory", ordered(128), nullable=False),
        sa.Column("package", ordered(255), nullable=False),
        sa.Column("path", ordered(1024), nullable=False),
        sa.Column("scope", ordered(64), nullable=False),
        sa.Column("name", ordered(255), nullable=False, comment="of the package as advisories call it"),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("fixed_version", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "advisory", "package", "path", name="pk_finding"),
    )
    op.create_index("ix_finding_advisory", "finding", ["advisory"])
    op.create_table(
        "follower",
        sa.Column("name", ordered(64), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_follower"),
    )
    op.create_table(
        "inventory",
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="packages.inventory.Inventory as MessagePack"),
        sa.Column("packages", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False, comment="of the feed that it was matched against last"),
        sa.PrimaryKeyConstraint("digest", name="pk_inventory"),
    )
    op.create_table(
        "inventory_package",
        sa.Column("scope", ordered(64), nullable=False),
        sa.Column("package", ordered(255), nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.PrimaryKeyConstraint("scope", "package", "digest", name="pk_inventory_package"),
    )
    op.create_index("ix_inventory_package_digest", "inventory_package", ["digest"])
    op.create_table(
        "job",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="of the task"),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True, comment="at most one unfinished job has it"),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, running, done, failed or cancelled"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_name_id", "job", ["name", "id"])
    op.create_index("ix_job_state_due_at", "job", ["state", "due_at"])
    op.create_index(
        "uq_job_key_open",
        "job",
        ["key"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'running')"),
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_table(
        "login_failure",
        sa.Column("key", ordered(300), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="locked until then"),
        sa.PrimaryKeyConstraint("key", name="pk_login_failure"),
    )
    op.create_index("ix_login_failure_at", "login_failure", ["at"])
    op.create_table(
        "mirrored_tag",
        sa.Column("repository", ordered(255), nullable=False),
        sa.Column("name", ordered(128), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "name", name="pk_mirrored_tag"),
    )
    op.create_table(
        "pending_login",
        sa.Column("hash", ordered(64), nullable=False, comment="of the state"),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("back", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_pending_login"),
    )
    op.create_index("ix_pending_login_expires_at", "pending_login", ["expires_at"])
    op.create_table(
        "project",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column(
            "quota", sa.BigInteger(), nullable=True, comment="most bytes of blobs, each counted once; null for no bound"
        ),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("name", name="uq_project_name"),
    )
    op.create_table(
        "refresh_token",
        sa.Column("hash", ordered(64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name="pk_refresh_token"),
    )
    op.create_index("ix_refresh_token_expires_at", "refresh_token", ["expires_at"])
    op.create_index("ix_refresh_token_kind_subject_id", "refresh_token", ["kind", "subject_id"])
    op.create_table(
        "server_secret",
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_server_secret"),
    )
    op.create_table(
        "server_state",
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_server_state"),
    )
    op.create_table(
        "group_account",
        sa.Column("group_id", number(), nullable=False),
        sa.Column("account_id", number(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_group_account_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["group_id"], ["account_group.id"], name="fk_group_account_group_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "account_id", name="pk_group_account"),
    )
    op.create_index("ix_group_account_account_id", "group_account", ["account_id"])
    op.create_table(
        "keyless_rule",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("project_id", number(), nullable=True),
        sa.Column("issuer", ordered(512), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False, comment="{claim: glob}"),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("lifetime", sa.Integer(), nullable=False, comment="seconds"),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_keyless_rule_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_keyless_rule"),
        sa.UniqueConstraint("name", name="uq_keyless_rule_name"),
    )
    op.create_index("ix_keyless_rule_issuer", "keyless_rule", ["issuer"])
    op.create_index("ix_keyless_rule_project_id", "keyless_rule", ["project_id"])
    op.create_table(
        "member",
        sa.Column("id", number(), nullable=False),
        sa.Column("project_id", number(), nullable=False),
        sa.Column("account_id", number(), nullable=True),
        sa.Column("group_id", number(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("repositories", sa.Text(), nullable=False, comment="globs; none for the whole project"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_member_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["account_group.id"], name="fk_member_group_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_member_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
        sa.UniqueConstraint("project_id", "account_id", name="uq_member_project_id_account_id"),
        sa.UniqueConstraint("project_id", "group_id", name="uq_member_project_id_group_id"),
    )
    op.create_index("ix_member_account_id", "member", ["account_id"])
    op.create_index("ix_member_group_id", "member", ["group_id"])
    op.create_table(
        "personal_token",
        sa.Column("id", number(), nullable=False),
        sa.Column("account_id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False),
        sa.Column("hash", ordered(64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_personal_token_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_personal_token"),
        sa.UniqueConstraint("account_id", "name", name="uq_personal_token_account_id_name"),
        sa.UniqueConstraint("hash", name="uq_personal_token_hash"),
    )
    op.create_table(
        "project_blob",
        sa.Column("project_id", number(), nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blob.digest"], name="fk_project_blob_digest"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_project_blob_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "digest", name="pk_project_blob"),
    )
    op.create_index("ix_project_blob_digest", "project_blob", ["digest"])
    op.create_table(
        "repository",
        sa.Column("id", number(), nullable=False),
        sa.Column("project_id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False, comment="whole, with the project's name"),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=True),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("pulls", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_repository_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_repository"),
        sa.UniqueConstraint("name", name="uq_repository_name"),
    )
    op.create_index("ix_repository_project_id", "repository", ["project_id"])
    op.create_table(
        "retention",
        sa.Column("project_id", number(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_retention_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", name="pk_retention"),
    )
    op.create_table(
        "retention_rule",
        sa.Column("id", number(), nullable=False),
        sa.Column("project_id", number(), nullable=False),
        sa.Column(
            "keep",
            sa.Text(),
            nullable=False,
            comment="latest-pushed, latest-pulled, pushed-within, pulled-within, always",
        ),
        sa.Column("amount", sa.Integer(), nullable=False, comment="how many images, or days"),
        sa.Column("repositories", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("untagged", sa.Boolean(), nullable=False, comment="whether it speaks of untagged images, too"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name="fk_retention_rule_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_retention_rule"),
    )
    op.create_index("ix_retention_rule_project_id", "retention_rule", ["project_id"])
    op.create_table(
        "retention_run",
        sa.Column("id", number(), nullable=False),
        sa.Column("project_id", number(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("dry", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="that are freed, each blob counted once"),
        sa.Column("detail", sa.Text(), nullable=False, comment="the first of what was removed; JSON"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_retention_run_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_retention_run"),
    )
    op.create_index("ix_retention_run_project_id_id", "retention_run", ["project_id", "id"])
    op.create_table(
        "robot",
        sa.Column("id", number(), nullable=False),
        sa.Column("name", ordered(255), nullable=False, comment="robot+project+name, or robot+name"),
        sa.Column("project_id", number(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False, comment="[{repositories, actions}]"),
        sa.Column("hash", ordered(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_robot_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_robot"),
        sa.UniqueConstraint("hash", name="uq_robot_hash"),
        sa.UniqueConstraint("name", name="uq_robot_name"),
    )
    op.create_index("ix_robot_project_id", "robot", ["project_id"])
    op.create_table(
        "tag_rule",
        sa.Column("id", number(), nullable=False),
        sa.Column("project_id", number(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="immutable, refused or required"),
        sa.Column("repositories", sa.Text(), nullable=False, comment="glob over names without the project's"),
        sa.Column("tags", sa.Text(), nullable=False, comment="glob; for required also semver or git-sha"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_tag_rule_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tag_rule"),
    )
    op.create_index("ix_tag_rule_project_id", "tag_rule", ["project_id"])
    op.create_table(
        "usage",
        sa.Column("project_id", number(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_usage_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "shard", name="pk_usage"),
    )
    op.create_table(
        "web_session",
        sa.Column("hash", ordered(64), nullable=False),
        sa.Column("account_id", number(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_web_session_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_web_session"),
    )
    op.create_index("ix_web_session_account_id", "web_session", ["account_id"])
    op.create_index("ix_web_session_expires_at", "web_session", ["expires_at"])
    op.create_table(
        "manifest",
        sa.Column("repository_id", number(), nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("artifact_type", sa.Text(), nullable=False),
        sa.Column("subject", ordered(140), nullable=True, comment="the digest of the manifest that this one refers to"),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="of everything it names, in bytes"),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=False),
        sa.Column("pushed_by", sa.Text(), nullable=False),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("partial", sa.Boolean(), nullable=False, comment="mirrored: what it names may still be elsewhere"),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name="fk_manifest_repository_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "digest", name="pk_manifest"),
    )
    op.create_index("ix_manifest_digest", "manifest", ["digest"])
    op.create_index("ix_manifest_repository_id_subject", "manifest", ["repository_id", "subject"])
    op.create_table(
        "reference",
        sa.Column("repository_id", number(), nullable=False),
        sa.Column("manifest", ordered(140), nullable=False),
        sa.Column("child", ordered(140), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name="fk_reference_repository_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "manifest", "child", name="pk_reference"),
    )
    op.create_index("ix_reference_repository_id_child", "reference", ["repository_id", "child"])
    op.create_table(
        "repository_blob",
        sa.Column("repository_id", number(), nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blob.digest"], name="fk_repository_blob_digest"),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name="fk_repository_blob_repository_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "digest", name="pk_repository_blob"),
    )
    op.create_index("ix_repository_blob_digest", "repository_blob", ["digest"])
    op.create_table(
        "tag",
        sa.Column("repository_id", number(), nullable=False),
        sa.Column("name", ordered(128), nullable=False),
        sa.Column("digest", ordered(140), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name="fk_tag_repository_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repository_id", "name", name="pk_tag"),
    )
    op.create_index("ix_tag_repository_id_digest", "tag", ["repository_id", "digest"])


def downgrade() -> None:
    """Go back to the one before."""
    op.drop_table("tag")
    op.drop_table("repository_blob")
    op.drop_table("reference")
    op.drop_table("manifest")
    op.drop_table("web_session")
    op.drop_table("usage")
    op.drop_table("tag_rule")
    op.drop_table("robot")
    op.drop_table("retention_run")
    op.drop_table("retention_rule")
    op.drop_table("retention")
    op.drop_table("repository")
    op.drop_table("project_blob")
    op.drop_table("personal_token")
    op.drop_table("member")
    op.drop_table("keyless_rule")
    op.drop_table("group_account")
    op.drop_table("server_state")
    op.drop_table("server_secret")
    op.drop_table("refresh_token")
    op.drop_table("project")
    op.drop_table("pending_login")
    op.drop_table("mirrored_tag")
    op.drop_table("login_failure")
    op.drop_table("job")
    op.drop_table("inventory_package")
    op.drop_table("inventory")
    op.drop_table("follower")
    op.drop_table("finding")
    op.drop_table("exemption")
    op.drop_table("event")
    op.drop_table("deletion")
    op.drop_table("blob")
    op.drop_table("account_group")
    op.drop_table("account")
