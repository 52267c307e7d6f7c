"""Whatever is done in whatever order, usage is the sum of distinct blobs' sizes and the registry stays whole."""

import contextlib
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Connection, select, update

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.registry.disk import DiskBlobs
from dockyard.registry.interface import WireError
from dockyard.server.database import open_database
from dockyard.server.rules import quota, retention, retention_rules
from dockyard.server.rules.enforced import Enforced
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.schema.content import BLOB, DELETION, REPOSITORY_BLOB
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import deleting, removing
from dockyard.server.stored.holdings import Holdings
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.stored.verify import verify
from making.pushed import blob, manifest

pytestmark = pytest.mark.slow

HOUR = 3_600_000
MEMORY = Path("/dev/shm")  # nothing here is about surviving a loss of power
NAMES = st.sampled_from(["one/a", "one/b", "two/a"])
DATA = st.sampled_from([bytes([65 + number]) * (number * 7 + 1) for number in range(5)])
TAGS = st.sampled_from(["1", "2", ""])


def _age(connection: Connection) -> None:
    connection.execute(update(REPOSITORY_BLOB).values(added_at=REPOSITORY_BLOB.c.added_at - 24 * HOUR))
    connection.execute(update(DELETION).values(due_at=DELETION.c.due_at - 24 * HOUR))


class UsageMachine(RuleBasedStateMachine):
    """Pushes, mounts, deletions, retention and collections over two projects."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="usage", dir=MEMORY if MEMORY.is_dir() else None))
        self.database = open_database("", self.folder)
        self.holdings = Holdings(self.database, DiskBlobs(self.folder), HOUR, True, Enforced())
        self.registry = StoredRegistry(self.holdings)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    @rule(name=NAMES, data=DATA)
    def push_blob(self, name: str, data: bytes) -> None:
        with contextlib.suppress(WireError):
            blob(self.registry, name, data)

    @rule(name=NAMES, data=DATA, source=NAMES)
    def mount(self, name: str, data: bytes, source: str) -> None:
        with contextlib.suppress(WireError):
            self.registry.mount(name, Digest.of(data), source)

    @rule(name=NAMES, config=DATA, layers=st.lists(DATA, max_size=2), tag=TAGS)
    def push_manifest(self, name: str, config: bytes, layers: list[bytes], tag: str) -> None:
        raw = manifest(config, layers)
        with contextlib.suppress(WireError):
            self.registry.put_manifest(name, tag or str(Digest.of(raw)), raw, OCI_MANIFEST)

    @rule(name=NAMES, config=DATA, layers=st.lists(DATA, max_size=2), tag=TAGS)
    def delete_manifest(self, name: str, config: bytes, layers: list[bytes], tag: str) -> None:
        with contextlib.suppress(WireError):
            self.registry.delete_manifest(name, tag or str(Digest.of(manifest(config, layers))))

    @rule(name=NAMES, data=DATA)
    def delete_blob(self, name: str, data: bytes) -> None:
        with contextlib.suppress(WireError):
            self.registry.delete_blob(name, Digest.of(data))

    @rule(name=NAMES)
    def remove_repository(self, name: str) -> None:
        with contextlib.suppress(WireError):
            removing.repository(self.holdings, name)

    @rule(most=st.one_of(st.none(), st.integers(1, 60)), project=st.sampled_from(["one", "two"]))
    def bound(self, most: int | None, project: str) -> None:
        with contextlib.suppress(ProjectUnknownError):
            quota.set_quota(self.database, project, most)

    @rule()
    def retain(self) -> None:
        with contextlib.suppress(ProjectUnknownError):
            if not retention_rules.listed(self.database, "one"):
                retention_rules.add(self.database, "one", "latest-pushed", 1)
            plan = retention.plan(self.holdings, "one")
            retention.run(self.holdings, "one")
            assert plan.bytes >= 0

    @rule(old=st.booleans())
    def collect(self, old: bool) -> None:
        """With or without a day having gone by since everything."""
        if old:
            self.database.write(_age)
        deleting.collect(self.holdings)

    @invariant()
    def usage_is_what_the_repositories_have(self) -> None:
        held: dict[str, dict[str, int]] = defaultdict(dict)
        query = (
            select(REPOSITORY.c.name, BLOB.c.digest, BLOB.c.size)
            .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY.c.id == REPOSITORY_BLOB.c.repository_id)
            .join(BLOB, BLOB.c.digest == REPOSITORY_BLOB.c.digest)
        )
        with self.database.read() as connection:
            for name, digest, size in connection.execute(query):
                held[name.partition("/")[0]][digest] = size
        for each in quota.quotas(self.database):
            assert each.used == sum(held[each.project].values())

    @invariant()
    def everything_is_whole(self) -> None:
        report = verify(self.holdings, deep=True)
        assert report.whole, report.flaws


TestUsage = UsageMachine.TestCase
TestUsage.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
