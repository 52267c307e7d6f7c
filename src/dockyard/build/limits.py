"""What a RUN may use of the machine: `--shm-size`, `--ulimit`, `--cgroup-parent`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Ulimit:
    """One limit of processes: its name in small letters, and its soft and hard value; -1 is none."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True)
class Limits:
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

    def put_on(self, document: dict[str, Any], name: str) -> None:
        """Write the limits into a container's configuration (runtime-spec, config.md); `name` is the container's."""
        if self.shm:
            for mount in document["mounts"]:
                if mount["destination"] == "/dev/shm":  # noqa: S108 (inside the container)
                    kept = [each for each in mount["options"] if not each.startswith("size=")]
                    mount["options"] = [*kept, f"size={self.shm}"]
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
