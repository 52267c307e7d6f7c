"""The composition root of observability: metrics, access log and traces of a process, built from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dockyard.registry.app.call import Application
from dockyard.registry.app.forwarded import Forwarded
from dockyard.registry.app.pushes import Pushes
from dockyard.registry.app.quick import Quick
from dockyard.server.database import Database
from dockyard.server.jobs.interface import Task
from dockyard.server.measuring.accesslog import AccessLog
from dockyard.server.measuring.counts import Counts
from dockyard.server.measuring.metrics import Stock, endpoint
from dockyard.server.measuring.settings import AccessLog as LogSettings
from dockyard.server.measuring.settings import Metrics, Traces
from dockyard.server.measuring.tracing import Traced
from dockyard.server.measuring.watched import Watched
from dockyard.server.stored.registry import StoredRegistry


@dataclass(frozen=True)
class Measuring:
    """Counts, log and traces of one process. Close it at the end; `start` is for processes that serve."""

    metrics: Metrics
    forwarded: Forwarded
    database: Database
    registry: StoredRegistry
    counts: Counts
    log: AccessLog | None
    traced: Traced | None

    def start(self) -> None:
        """Begin to write the access log."""
        if self.log is not None:
            self.log.start()

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        self.counts.close()
        if self.log is not None:
            self.log.close()
        if self.traced is not None:
            self.traced.close()

    def around(self, app: Application, quick: Quick | None = None, pushes: Pushes | None = None) -> Watched:
        """The application, watched; `quick` and `pushes` are asked before it."""
        return Watched(
            app, self.counts, self.log, forwarded=self.forwarded, traced=self.traced, quick=quick, pushes=pushes
        )

    def around_tasks(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        """The tasks, traced where traces are wanted."""
        return self.traced.tasks(tasks) if self.traced is not None else dict(tasks)

    def endpoint(self) -> Application:
        """What answers `/metrics`."""
        stock = Stock(self.database)
        return endpoint(self.counts, stock, self.metrics, self.refresh)

    def fetched(self, upstream: str, size: int, good: bool) -> None:
        """Something was fetched from an upstream."""
        self.counts.add("mirror_fetches", upstream, "done" if good else "failed")
        if good:
            self.counts.add("mirror_fetched_bytes", upstream, value=size)

    def refresh(self) -> None:
        """Bring up to date what is not counted as it happens."""
        for name, (hits, misses) in self.registry.lookups().items():
            self.counts.counts["cache_lookups", name, "hit"] = hits
            self.counts.counts["cache_lookups", name, "miss"] = misses
        pool = self.database.engine.pool
        for state in ("checkedout", "checkedin"):
            value = getattr(pool, state, lambda: 0)()
            self.counts.levels["database_connections", "in use" if state == "checkedout" else "idle"] = value

    def flush(self) -> None:
        """Let the other processes see what this one has counted."""
        self.refresh()
        self.counts.flush()


def measuring(
    database: Database,
    registry: StoredRegistry,
    folder: Path,
    *,
    metrics: Metrics,
    traces: Traces,
    log: LogSettings,
    forwarded: Forwarded,
) -> Measuring:
    """What the settings ask for. `forwarded`: whose X-Forwarded-For and X-Request-Id are believed.

    Raises:
        TracesMissingError: as `Traced`.
    """
    traced = Traced(traces) if traces.endpoint else None
    if traced is not None:
        traced.watch(database.engine)
    kept = AccessLog(log, forwarded) if log.to else None
    return Measuring(metrics, forwarded, database, registry, Counts(folder / "metrics"), kept, traced)
