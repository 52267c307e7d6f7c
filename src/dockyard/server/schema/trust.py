"""What is known of images: their packages, the findings about them, and what was accepted for a time."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from dockyard.server.schema.tables import METADATA, number, ordered

# The packages of an image, by the digest of its manifest, whichever repositories have it.
INVENTORY = Table(
    "inventory",
    METADATA,
    Column("digest", ordered(140), primary_key=True),
    Column("body", LargeBinary, nullable=False, comment="packages.inventory.Inventory as MessagePack"),
    Column("packages", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("snapshot", Text, nullable=False, default="", comment="of the feed that it was matched against last"),
)

# Which images have a package: what a new advisory asks.
INVENTORY_PACKAGE = Table(
    "inventory_package",
    METADATA,
    Column("scope", ordered(64), primary_key=True),
    Column("package", ordered(255), primary_key=True),
    Column("digest", ordered(140), primary_key=True),
    Index("ix_inventory_package_digest", "digest"),
)

FINDING = Table(
    "finding",
    METADATA,
    Column("digest", ordered(140), primary_key=True),
    Column("advisory", ordered(128), primary_key=True),
    Column("package", ordered(255), primary_key=True),
    Column("path", ordered(1024), primary_key=True),
    Column("scope", ordered(64), nullable=False),
    Column("name", ordered(255), nullable=False, comment="of the package as advisories call it"),
    Column("severity", Text, nullable=False),
    Column("fixed_version", Text, nullable=False, default=""),
    Column("body", Text, nullable=False),
    Column("found_at", BigInteger, nullable=False),
    Index("ix_finding_advisory", "advisory"),
)

EXEMPTION = Table(
    "exemption",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("project", ordered(255), nullable=False, index=True),
    Column("subject", ordered(255), nullable=False, comment="an advisory, or the digest of an image"),
    Column("reason", Text, nullable=False),
    Column("until", BigInteger, comment="milliseconds since 1970; null for no end"),
    Column("made_by", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

# When everything is looked at by itself; one row, or none.
SCAN_SCHEDULE = Table(
    "scan_schedule",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("schedule", Text, nullable=False, comment="five fields as in crontab, or a span such as 24h"),
    Column("rematch", Boolean, nullable=False, comment="whether what was looked at already is matched anew"),
    Column("next_at", BigInteger, nullable=False),
)

# How far each follower of the events has come.
FOLLOWER = Table(
    "follower",
    METADATA,
    Column("name", ordered(64), primary_key=True),
    Column("event_id", BigInteger, nullable=False),
)
