"""What tests of commands share: registries that are quick to begin."""

from making.quickened import cheap_passwords as cheap_passwords  # noqa: PLC0414 (fixtures that every test here has)
from making.quickened import copied_tables as copied_tables  # noqa: PLC0414
