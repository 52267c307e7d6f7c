"""A stage under way, as its steps see it."""

import time
from collections.abc import Callable

import msgspec

from dockyard.build.cache.cache import Made
from dockyard.build.cache.explain import Inputs
from dockyard.build.journal import Step
from dockyard.build.lazy.lent import Lent
from dockyard.build.state import State, rfc3339
from dockyard.build.tools import Sources, StepReport, Tools
from dockyard.dockerfile import shell
from dockyard.oci.digest import Digest


class Stage(msgspec.Struct):
    """One stage: its steps change `state`.

    Attributes:
        cached: whether the step under way was found in the cache so far.
        inputs: what tells why it was not.
        count: how many steps there will be.
        real: whether steps are carried out whose layer is known but cannot be had.
        counted_on: layers that are not here, and of which the steps so far are known to have made them.
        step: the one under way, in the journal.
    """

    state: State
    tools: Tools
    sources: Sources
    title: str
    inputs: Inputs
    reports: list[StepReport] = msgspec.field(default_factory=list)
    consumed: set[str] = msgspec.field(default_factory=set)
    cached: bool = True
    why: str = ""
    count: int = 0
    real: bool = False
    counted_on: set[Digest] = msgspec.field(default_factory=set)
    _step: Step | None = None

    @property
    def step(self) -> Step:
        """The step under way."""
        assert self._step is not None
        return self._step

    @step.setter
    def step(self, step: Step) -> None:
        self._step = step

    def expand(self, word: str) -> str:
        """`word` with the stage's variables."""
        return shell.expand(word, self.state.scope, self.tools.escape)

    def words(self, word: str) -> list[str]:
        """The words that `word` becomes."""
        return shell.words(word, self.state.scope, self.tools.escape)

    def now(self) -> str:
        """The time that what is made gets."""
        return rfc3339(time.time() if self.tools.epoch is None else self.tools.epoch)

    def seconds(self) -> int:
        """The same in seconds since 1970."""
        return int(time.time()) if self.tools.epoch is None else self.tools.epoch

    def warner(self, line: int) -> Callable[[str], None]:
        """Tells a warning about the instruction at `line`."""
        return lambda text: self.tools.progress.log(f"warning: line {line}: {text}")

    @property
    def uncached(self) -> bool:
        """Whether the cache is not to be used for this stage."""
        return not self.tools.options.uncached.isdisjoint(("*", self.title))

    def known(self, step: str) -> Made | None:
        """What the step of that key made, unless the cache is not to be used for this stage."""
        made = None if self.uncached else self.tools.cache.get(step)
        if made is None or made.layer is None or not isinstance(made.layer.source, Lent):
            return made
        if self.real and not made.layer.source.obtainable(made.layer.descriptor):
            return None
        self.counted_on.add(made.layer.descriptor.digest)
        return made

    def missed(self, **inputs: object) -> None:
        """Note that the step is not in the cache, and which of its inputs differs from the run before."""
        self.cached = False
        self.why = self.inputs.differ(len(self.reports), inputs)
