"""What all tables share."""

from sqlalchemy import BigInteger, Integer, MetaData, String
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def ordered(length: int) -> TypeEngine[str]:
    """Text that sorts by bytes on every database, as the protocol's lists do."""
    return String(length, collation="C").with_variant(String(length), "sqlite")


def number() -> TypeEngine[int]:
    """A key that the database counts up."""
    return BigInteger().with_variant(Integer, "sqlite")
