"""The composition root of a registry server: every part of it, built from the settings; each process builds its own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from dockyard.registry.app.application import application
from dockyard.registry.app.call import Application, Ways
from dockyard.registry.app.forwarded import Forwarded
from dockyard.registry.app.pushes import Pushes
from dockyard.registry.app.quick import quick
from dockyard.registry.blobs import BlobStore
from dockyard.registry.disk import DiskBlobs
from dockyard.registry.interface import Registry
from dockyard.registry.objects import ObjectBlobs
from dockyard.registry.objects_open import open_objects
from dockyard.server.access.doors import Doors, open_doors
from dockyard.server.access.endpoint import token_endpoint
from dockyard.server.access.oidc_endpoint import PATH, oidc_endpoint
from dockyard.server.api.parts import Parts
from dockyard.server.counting import Pulls
from dockyard.server.database import Database, open_database
from dockyard.server.front import Maker, front
from dockyard.server.generation import Changes, Generations, Moments
from dockyard.server.health import health
from dockyard.server.jobs.interface import Jobs
from dockyard.server.jobs.leading import DatabaseLead, FileLead
from dockyard.server.jobs.local import LocalJobs
from dockyard.server.jobs.pulse import Pulse
from dockyard.server.leaving import Leaving
from dockyard.server.measuring.measuring import Measuring, measuring
from dockyard.server.measuring.watched import Watched
from dockyard.server.mirror.upstream import Upstream, named, upstreams
from dockyard.server.outward import outward
from dockyard.server.pulls import PullEvents, both
from dockyard.server.rules.enforced import Enforced
from dockyard.server.sealing import Seal
from dockyard.server.settings import Settings
from dockyard.server.stored.holdings import Holdings
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.tasks import tasks
from dockyard.server.trust.gate import Gate, opener
from dockyard.server.trust.watching import Watch

_PULSE_S = 10.0
_LOOK_S = 1.0
_JOBS_AT_ONCE = 4
# Threads wait for disks, the database and object storage, so there are more of them than processors.
_THREADS = 40


@dataclass(frozen=True)
class Instance:
    """A registry server in one process. Close it at the end; `start` is for processes that serve."""

    settings: Settings
    folder: Path
    database: Database
    registry: StoredRegistry
    gate: Gate
    access: Doors
    app: Watched
    threads: ThreadPoolExecutor
    jobs: Jobs
    pulse: Pulse
    seal: Seal
    measuring: Measuring
    lookout: Pulse

    def start(self) -> None:
        """Begin with the work that no request waits for."""
        if self.registry.generations is not None:
            self.registry.generations.renew()
        self.pulse.start()
        self.jobs.start()
        self.measuring.start()
        self.lookout.start()

    def close(self) -> None:
        """Finish what is under way and let go of files and connections."""
        self.lookout.stop()
        self.jobs.stop()
        self.pulse.stop()
        self.measuring.close()
        self.database.close()


def blob_store(settings: Settings) -> BlobStore:
    """Where the settings say that blobs are.

    Raises:
        ObjectStorageAddressError: as `open_objects`.
    """
    if "://" not in settings.storage:
        # Those who share a database may be on several machines.
        return DiskBlobs(Path(settings.storage), alone=not settings.database)
    objects = settings.objects
    store = open_objects(settings.storage, objects.options)
    return ObjectBlobs(store, redirect=objects.expires if objects.redirect else 0, least=objects.redirect_from)


def open_instance(settings: Settings, parent: int = 0) -> Instance:
    """Open database and storage, and build the application over them.

    Args:
        settings: of the server.
        parent: the process that starts and ends the server; this one by default.

    Raises:
        DatabaseError, DatabaseAddressError, DatabaseBehindError, DatabaseAheadError: as `open_database`.
    """
    folder = settings.home
    folder.mkdir(parents=True, exist_ok=True)
    change, pool = settings.auto_migrate, settings.limits.connections
    database = open_database(settings.database, folder, pool=pool, change=change)
    generations = _changes(settings, database, folder)
    blobs, bound = blob_store(settings), settings.project_quota or None
    holdings = Holdings(database, blobs, settings.grace * 1000, settings.auto_projects, Enforced(), bound)
    stored = StoredRegistry(holdings, generations)
    proxy, forwarded = settings.proxy, Forwarded(settings.proxy.trusted)
    measured = measuring(
        database,
        stored,
        folder,
        metrics=settings.metrics,
        traces=settings.traces,
        log=settings.access_log,
        forwarded=forwarded,
    )
    registry, ups = _mirrored(stored, settings, folder, measured)
    feed, index = Path(settings.feed or folder / "feed.sqlite"), folder / "index"
    gate = Gate(registry, database, opener(feed), index)
    watch = Watch(registry, database, feed, index)
    seal = Seal(Path(settings.secrets_key or folder / "secrets.key"))
    out = outward(database, stored, seal, settings.webhooks, settings.url)
    lead = DatabaseLead(database) if database.postgresql else FileLead(folder / "jobs.lock")
    known = measured.around_tasks({**tasks(holdings, stored.changed, watch), **out.tasks})
    jobs = LocalJobs(database, lead, known, threads=_JOBS_AT_ONCE)
    lookout = Pulse([partial(out.look, jobs), measured.flush], _LOOK_S)
    pulls, told = Pulls(database), PullEvents(database, always=settings.audit_pulls)
    doors = open_doors(database, settings)
    ways = Ways(
        guard=doors.keeper,
        prefix=urlsplit(proxy.url).path.rstrip("/") if proxy.url else "",
        base=proxy.url.rstrip("/"),
        forwarded=forwarded,
        accel=proxy.accel,
        storage=settings.storage,
        named=partial(named, ups),
        pulled=both(pulls.counted, told.pulled),
        gate=gate,
        patience=settings.limits.patience,
    )
    leaving = Leaving(folder, parent)
    others: dict[str, Maker] = {
        "/healthz": lambda: health(database, leaving),
        "/readyz": lambda: health(database, leaving),
        "/metrics": measured.endpoint,
        "/token": lambda: token_endpoint(registry, ways, doors.keeper, doors.login, doors.issuers),
        PATH: lambda: oidc_endpoint(registry, ways, database, settings.oidc, doors.issuers),
        "/": lambda: _pages(database, stored, gate, doors, jobs, tuple(known), settings, ways, folder, seal),
    }
    parts = Parts(settings, database, stored, gate, jobs, doors.keeper, ways, seal)
    others["/api/"] = partial(_api, parts)
    doorway = front(application(registry, ways), others, ways.prefix, settings.limits.headers)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry")
    app = measured.around(doorway, quick(registry, ways), Pushes(registry, ways, threads.submit))
    turning = [generations.turn] if generations is not None else []
    pulse = Pulse([pulls.flush, told.flush, *turning], _PULSE_S)
    return Instance(settings, folder, database, stored, gate, doors, app, threads, jobs, pulse, seal, measured, lookout)


def _changes(settings: Settings, database: Database, folder: Path) -> Changes | None:
    """What tells that a repository has changed. Without it nothing is kept in memory."""
    if not database.postgresql:
        return Generations(folder / "generations")
    return Moments(settings.limits.stale) if settings.limits.stale > 0 else None


def _api(parts: Parts) -> Application:
    """The API, which nobody pays for before somebody uses it."""
    from dockyard.server.api.application import management

    return management(parts)


def _pages(
    database: Database,
    stored: StoredRegistry,
    gate: Gate,
    doors: Doors,
    jobs: Jobs,
    names: tuple[str, ...],
    settings: Settings,
    ways: Ways,
    folder: Path,
    seal: Seal,
) -> Application:
    """What people look at; loaded when somebody first does."""
    from dockyard.server.web.desk import Desk
    from dockyard.server.web.site import site

    return site(Desk(database, stored, gate, doors, jobs, names, settings, ways, folder, seal))


def _mirrored(
    stored: StoredRegistry, settings: Settings, folder: Path, measured: Measuring
) -> tuple[Registry, list[Upstream]]:
    """The registry with its upstreams, if there are any."""
    if not settings.mirrors:
        return stored, []
    from dockyard.server.mirror.registry import MirroredRegistry

    found = upstreams(settings.mirrors)
    return MirroredRegistry(stored, found, folder / "mirror", measured.fetched), found
