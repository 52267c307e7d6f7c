"""Every table there is."""

from sqlalchemy import MetaData

from dockyard.server.schema import accounts, content, events, jobs, mirrors, projects, rules, trust
from dockyard.server.schema.tables import METADATA

_MODULES = (accounts, content, events, jobs, mirrors, projects, rules, trust)


def metadata() -> MetaData:
    """The tables of all subjects; importing this module has made them known."""
    return METADATA
