"""What the steps of a build work with."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dockyard.build.budget import PACK, Budget, budget
from dockyard.build.cache.cache import StepCache
from dockyard.build.journal import Journal
from dockyard.build.options import Options
from dockyard.build.sources.context import Context
from dockyard.build.state import State
from dockyard.content.layout import Layout
from dockyard.dockerfile.node import Node
from dockyard.layers.write import LayerWriter

if TYPE_CHECKING:
    from dockyard.build.enter import Cell
    from dockyard.runtime.way import Way

Halted = Callable[["Cell"], None]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
WORK = Path("work", "build")  # in the data folder; the folders that steps work in are made beside it

# What a layer keeps of extended attributes: what containerd's differ writes for BuildKit, and no more. Others belong to
# the machine that built, and the same Dockerfile would give other layers there.
ATTRIBUTES = frozenset({"security.capability"})


class Tools(msgspec.Struct, frozen=True, dict=True):
    """The same for the whole build.

    Attributes:
        options: what was asked for.
        escape: the Dockerfile's escape character.
        epoch: SOURCE_DATE_EPOCH in seconds; no time in the image is later.
        build_args, global_args: the arguments that were given, and those before the first FROM with their values.
        budget: how much goes on at once.
        prefix: stands before stages' names where there are several platforms.
        halted: called where a RUN has failed, before its container's files are gone.
        materials: what the build took in beside its context and bases.
        cancelled: set once the build has failed, so that what runs beside ends.
    """

    store: Layout
    data: Path
    cache: StepCache
    context: Context
    options: Options
    escape: str
    epoch: int | None
    build_args: Mapping[str, str]
    global_args: Mapping[str, str]
    progress: Journal
    budget: Budget = msgspec.field(default_factory=budget)
    prefix: str = ""
    halted: Halted | None = None
    cancelled: Event = msgspec.field(default_factory=Event)
    materials: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def note(self, material: dict[str, Any]) -> None:
        """Note something that the build took in."""
        if material not in self.materials:
            self.materials.append(material)

    @cached_property
    def runs(self) -> Path:
        """The folder that has one for each running container; those of builds that were killed are removed first."""
        from dockyard.runtime import container

        container.sweep(self.data / "run")
        return self.data / "run"

    @contextlib.contextmanager
    def writer(self) -> Iterator[LayerWriter]:
        """For one new layer, once the budget allows for it."""
        with (
            self.budget.granted(PACK, self.cancelled.is_set),
            LayerWriter(
                self.store,
                epoch=self.epoch,
                compression=self.options.compression,
                level=self.options.level,
                attributes=ATTRIBUTES,
            ) as writer,
        ):
            yield writer

    @cached_property
    def way(self) -> "Way":
        """How this process runs containers; found out when something first runs.

        Raises:
            NoWayError: in no way.
        """
        from dockyard.runtime import way

        return way.way(self.data)

    @property
    def hostname(self) -> str:
        """What RUN sees as this machine's name: BuildKit's, unless an argument gives another."""
        return self.build_args.get(HOSTNAME) or "buildkitsandbox"

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies among the build arguments: RUN sees them under both spellings, image and cache do not."""
        given = sorted((name, value) for name, value in self.build_args.items() if name.upper() in PROXIES)
        return {spelled: value for name, value in given for spelled in (name.upper(), name.lower())}


class Sources(Protocol):
    """What `--from` may name."""

    def source(self, name: str, node: Node, *, numbers: bool = True) -> State | Context:
        """The finished stage, image or named context of that name; with `numbers` a number is a stage's, too."""

    def wait(self, names: Iterable[str]) -> None:
        """Wait until the stages among `names` are finished, well or not."""


class StepReport(msgspec.Struct):
    """One step as the result tells it."""

    line: int
    text: str
    cached: bool
    seconds: float
    size: int = 0
    why: str = ""
    stage: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it; `size` is the layer's blob in bytes, `why` the first input that differed."""
        found = {
            "line": self.line,
            "step": self.text,
            "cached": self.cached,
            "seconds": self.seconds,
            "size": self.size,
        }
        return {**found, "why": self.why} if self.why else found
