"""What is known of upstreams."""

from sqlalchemy import BigInteger, Column, Table

from dockyard.server.schema.tables import METADATA, ordered

# A tag that came from an upstream, and when it was last compared with it. Tags without a row were pushed here.
MIRRORED_TAG = Table(
    "mirrored_tag",
    METADATA,
    Column("repository", ordered(255), primary_key=True),
    Column("name", ordered(128), primary_key=True),
    Column("checked_at", BigInteger, nullable=False),
)
