"""Every table there is."""

from sqlalchemy import MetaData

from dockyard.server.schema import (
    accounts,
    audit,
    content,
    events,
    jobs,
    labels,
    mirrors,
    projects,
    replication,
    rules,
    trust,
    webhooks,
)
from dockyard.server.schema.tables import METADATA

_MODULES = (accounts, audit, content, events, jobs, labels, mirrors, projects, replication, rules, trust, webhooks)


def metadata() -> MetaData:
    """The tables of all subjects; importing this module has made them known."""
    return METADATA
