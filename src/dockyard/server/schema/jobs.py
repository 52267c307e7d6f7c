"""Work that no request waits for."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from dockyard.server.schema.tables import METADATA, number

_OPEN = text("state IN ('waiting', 'running')")

JOB = Table(
    "job",
    METADATA,
    Column("id", number(), primary_key=True),
    Column("name", Text, nullable=False, comment="of the task"),
    Column("arguments", Text, nullable=False, default="{}"),
    Column("key", Text, comment="at most one unfinished job has it"),
    Column("state", Text, nullable=False, default="waiting", comment="waiting, running, done, failed or cancelled"),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("cancel", Boolean, nullable=False, default=False),
    Column("progress", Text, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("result", Text, nullable=False, default="null"),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Index("ix_job_state_due_at", "state", "due_at"),
    Index("ix_job_name_id", "name", "id"),
    Index("uq_job_key_open", "key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)
