"""What a RUN may use of the machine: `--shm-size`, `--ulimit`, `--cgroup-parent`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.runtime.way import Way


class LimitRefusedError(UsageError):
    """A limit for RUN cannot be set here: only root may raise a limit of processes above its own, or put containers
    into a control group; and a size of /dev/shm needs a mount of its own.
    """

    reference = "limit-refused"
    hint = "Leave it out, or build as root. `ulimit -H` tells the limits of this user; docs/run-steps.md the ways."


# As setrlimit(2) has them; the names that `docker run --ulimit` takes, in small letters without RLIMIT_.
NAMES = (
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
_SYS_RESOURCE = 24  # capabilities(7)
_LOCKS = 10  # RLIMIT_LOCKS, which Python has no name for


class Ulimit(msgspec.Struct, frozen=True):
    """One limit of processes: its name in small letters, and its soft and hard value; -1 is none."""

    name: str
    soft: int
    hard: int


class Limits(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        shm: bytes of /dev/shm; 0 leaves the default.
        ulimits: limits of processes.
        cgroup: the control group that containers are made in, as the runtime takes it.
    """

    shm: int = 0
    ulimits: Sequence[Ulimit] = ()
    cgroup: str = ""

    @property
    def key(self) -> list[Any]:
        """What a step's result may depend on; empty where nothing was asked for."""
        shown = [[each.name, each.soft, each.hard] for each in sorted(self.ulimits, key=lambda each: each.name)]
        return [self.shm, shown] if self.shm or shown else []

    def check(self, way: "Way") -> None:
        """Refuse what cannot be set where containers run as `way` says.

        Raises:
            LimitRefusedError: something cannot.
        """
        if self.cgroup and (way.ids != "all" or not way.runc):
            raise LimitRefusedError(f"--cgroup-parent {self.cgroup} needs root")
        if self.shm and not way.runc:
            raise LimitRefusedError("--shm-size needs a /dev/shm of the step's own, which is not to be had here")
        if not self.ulimits:
            return
        import resource

        from dockyard.runtime import namespace

        free = way.ids == "all" and namespace.powers() >> _SYS_RESOURCE & 1
        for each in self.ulimits if not free else ():
            most = resource.getrlimit(getattr(resource, f"RLIMIT_{each.name.upper()}", _LOCKS))[1]
            if most >= 0 and (each.hard < 0 or each.hard > most):
                raise LimitRefusedError(f"--ulimit {each.name}={each.hard} is above this process's own limit, {most}")

    def put_on(self, document: dict[str, Any], name: str) -> None:
        """Write the limits into a container's configuration (runtime-spec, config.md); `name` is the container's."""
        if self.shm:
            for mount in document["mounts"]:
                if mount["source"] == "shm":  # what RUN --mount puts there has a size of its own
                    mount |= {"source": "tmpfs", "options": ["nosuid", f"size={self.shm}"]}  # as BuildKit mounts it
        if self.ulimits:
            document["process"]["rlimits"] = [
                {"type": f"RLIMIT_{each.name.upper()}", "soft": _unsigned(each.soft), "hard": _unsigned(each.hard)}
                for each in self.ulimits
            ]
        if self.cgroup:
            parent = self.cgroup.rstrip("/")
            document["linux"]["cgroupsPath"] = f"/{parent.lstrip('/')}/{name}"


def _unsigned(value: int) -> int:
    return (1 << 64) - 1 if value < 0 else value
