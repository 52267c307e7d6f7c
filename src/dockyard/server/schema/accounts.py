"""Accounts, groups, members of projects, robots, tokens, sessions, and the secrets all processes share.

Secrets of machines are long and random, so their SHA-256 is kept; passwords of people are kept as argon2.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from dockyard.server.schema.tables import METADATA, number, ordered

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(255), nullable=False, unique=True),
    Column("email", Text, nullable=False, default=""),
    Column("password", Text, comment="argon2; null where somebody else checks it"),
    Column("admin", Boolean, nullable=False, default=False),
    Column("source", Text, nullable=False, default="local", comment="local, oidc or ldap"),
    Column("external_id", ordered(512), comment="who it is at its source", unique=True),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, comment="the last login with a password or through another system"),
)

GROUP = Table(
    "account_group",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(255), nullable=False, unique=True),
    Column("source", Text, nullable=False, default="local", comment="who says who is in it: local, oidc or ldap"),
    Column("created_at", BigInteger, nullable=False),
)

GROUP_ACCOUNT = Table(
    "group_account",
    METADATA,
    Column("group_id", ForeignKey("account_group.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_group_account_account_id", "account_id"),
)

MEMBER = Table(
    "member",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), index=True),
    Column("group_id", ForeignKey("account_group.id", ondelete="CASCADE"), index=True),
    Column("role", Text, nullable=False),
    Column("repositories", Text, nullable=False, default="[]", comment="globs; none for the whole project"),
    UniqueConstraint("project_id", "account_id"),
    UniqueConstraint("project_id", "group_id"),
)

ROBOT = Table(
    "robot",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(255), nullable=False, unique=True, comment="robot+project+name, or robot+name"),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), index=True),
    Column("description", Text, nullable=False, default=""),
    Column("permissions", Text, nullable=False, comment="[{repositories, actions}]"),
    Column("hash", ordered(64), nullable=False, unique=True),
    Column("expires_at", BigInteger),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False, default=""),
    Column("used_at", BigInteger),
)

PERSONAL = Table(
    "personal_token",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("name", ordered(255), nullable=False),
    Column("hash", ordered(64), nullable=False, unique=True),
    Column("scope", Text, nullable=False, default="full"),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    UniqueConstraint("account_id", "name"),
)

# Who a stranger's identity token may become.
KEYLESS = Table(
    "keyless_rule",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", ordered(255), nullable=False, unique=True),
    Column("project_id", ForeignKey("project.id", ondelete="CASCADE"), index=True),
    Column("issuer", ordered(512), nullable=False, index=True),
    Column("audience", Text, nullable=False),
    Column("claims", Text, nullable=False, comment="{claim: glob}"),
    Column("permissions", Text, nullable=False),
    Column("lifetime", Integer, nullable=False, default=900, comment="seconds"),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False, default=""),
)

REFRESH = Table(
    "refresh_token",
    METADATA,
    Column("hash", ordered(64), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("client", Text, nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger),
    Index("ix_refresh_token_kind_subject_id", "kind", "subject_id"),
)

SESSION = Table(
    "web_session",
    METADATA,
    Column("hash", ordered(64), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("stamp", Text, nullable=False),
    Column("address", Text, nullable=False, default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

# Logins that were sent to another system and have not come back.
PENDING_LOGIN = Table(
    "pending_login",
    METADATA,
    Column("hash", ordered(64), primary_key=True, comment="of the state"),
    Column("verifier", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("back", Text, nullable=False, default="/"),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

# Failed logins by account name and by address.
FAILURE = Table(
    "login_failure",
    METADATA,
    Column("key", ordered(300), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("until", BigInteger, nullable=False, default=0, comment="locked until then"),
)

SECRET = Table(
    "server_secret",
    METADATA,
    Column("name", ordered(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# `access` counts every change to what somebody may do; processes look at it once a second.
STATE = Table(
    "server_state",
    METADATA,
    Column("name", ordered(255), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
