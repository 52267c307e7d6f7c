"""The graph of stages: each finished once and only if something needs it, side by side where they may be."""

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import msgspec

from dockyard.build import costs, steps
from dockyard.build.cache.explain import Inputs
from dockyard.build.fault import located, place
from dockyard.build.graph import Graph, StageOrderError, patterns
from dockyard.build.lazy.distant import Distant
from dockyard.build.lazy.lent import LayerAbsentError, Lent, absent, bring
from dockyard.build.options import Options
from dockyard.build.origins import Origins
from dockyard.build.promise import Promise
from dockyard.build.sources.context import Context
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.build.tools import StepReport, Tools
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.node import Node
from dockyard.errors import Error
from dockyard.layers.layer import Layer
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform

_AT_ONCE = 4
_MOST_TIMES = 3  # that one stage asks for one layer in vain


def predefined(platform: Platform, target: str, given: Mapping[str, str]) -> dict[str, str]:
    """The global arguments that are there without an ARG: the platforms' names, and the target's."""
    values = {
        f"{side}{name}": value
        for side, each in (("TARGET", platform), ("BUILD", Platform.host()))
        for name, value in (
            ("PLATFORM", str(each)),
            ("OS", each.os),
            ("OSVERSION", each.version),
            ("ARCH", each.architecture),
            ("VARIANT", each.variant),
        )
    }
    values["TARGETSTAGE"] = target or "default"
    return {name: given.get(name, value) for name, value in values.items()}


class Plan(msgspec.Struct, dict=True):
    """One build for one platform.

    Attributes:
        origins: where it takes images and named contexts from.
        location: what tells this build's Dockerfile from others on this machine.
    """

    stages: Sequence[language.Stage]
    origins: Origins
    given: Mapping[str, str]
    platform: Platform
    options: Options
    location: str
    consumed: set[str] = msgspec.field(default_factory=set)
    _reports: dict[int, list[StepReport]] = msgspec.field(default_factory=dict)
    _tools: Tools | None = None
    _result: State | None = None
    _lock: threading.RLock = msgspec.field(default_factory=threading.RLock)
    _done: dict[int, Promise] = msgspec.field(default_factory=dict)
    _real: set[int] = msgspec.field(default_factory=set)
    _missed: Counter[tuple[int, Digest]] = msgspec.field(default_factory=Counter)
    _ran: dict[int, list[StepReport]] = msgspec.field(default_factory=dict)
    _counted_on: dict[int, set[Digest]] = msgspec.field(default_factory=dict)
    _cause: BaseException | None = None

    def __post_init__(self) -> None:
        self.graph = Graph(self.stages)

    @property
    def tools(self) -> Tools:
        """What the steps work with; set once the global arguments are known."""
        assert self._tools is not None
        return self._tools

    @tools.setter
    def tools(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def result(self) -> State:
        """The target stage, once it is built."""
        assert self._result is not None
        return self._result

    @property
    def reports(self) -> list[StepReport]:
        """The steps in the order of the Dockerfile."""
        return [report for number in sorted(self._reports) for report in self._reports[number]]

    def globals(self, args: Sequence[ins.Arg], escape: str) -> dict[str, str]:
        """The values of the global arguments, the platforms' among them."""
        values = predefined(self.platform, self.options.target or self.stages[-1].name, self.given)
        self.consumed |= values.keys()
        for arg in args:
            for name, default in arg.pairs:
                self.consumed.add(name)
                if name in self.given:
                    values[name] = self.given[name]
                elif default is not None:
                    with located(arg.node):
                        values[name] = shell.expand(default, values, escape)
        return values

    def built(self) -> list[tuple[language.Stage, State]]:
        """The stages that were carried out, each with its layers in the store.

        Raises:
            LayerAbsentError: one is known, but cannot be had.
        """
        states = ((stage, self._done[stage.number].now()) for stage in self.stages if stage.number in self._done)
        found = [(stage, state) for stage, state in states if state is not None]
        for _, state in found:
            _brought(state, all=True)
        return found

    def build(self, stage: language.Stage) -> None:
        """Finish `stage` and whatever it needs. Of several that fail, the first one's error is raised."""
        self.graph.judge(self.tools.global_args, self.tools.escape, lambda name: self.origins.named(name) is not None)
        self.tools.context.asked = patterns(self._reached(stage), self.tools.escape)
        while True:
            try:
                state = self.finished(stage)
            except Error:
                # Asked for first may have been a stage that ended because another had failed.
                assert self._cause is not None
                raise self._cause from None
            try:
                _brought(state, all=self.options.keep)
                break
            except LayerAbsentError as error:
                self._given_up(stage, error)
                with self._lock:
                    self._done.pop(stage.number, None)
        self._result = state

    def _reached(self, stage: language.Stage) -> list[language.Stage]:
        """`stage` and those that it needs."""
        found = {stage.number: stage}
        wanted = [stage]
        while wanted:
            for each in self._needed(wanted.pop()):
                if each.number not in found:
                    found[each.number] = each
                    wanted.append(each)
        return list(found.values())

    def finished(self, stage: language.Stage) -> State:
        """The state of `stage` with all its instructions carried out; waits where another thread is at it."""
        with self._lock:
            promise = self._done.get(stage.number)
            mine = promise is None
            if promise is None:
                promise = self._done[stage.number] = Promise()
        if mine:
            promise.keep(lambda: self._carried_out(stage))
        return promise.state()

    def _carried_out(self, stage: language.Stage) -> State:
        others = self._ahead(stage)
        try:
            while True:
                try:
                    state, runner = self._attempted(stage)
                    break
                except LayerAbsentError as error:
                    self._given_up(stage, error)
        except BaseException as error:
            with self._lock:
                self._cause = self._cause or error
            self.tools.cancelled.set()
            raise
        finally:
            for thread in others:
                thread.join()
        with self._lock:
            self.consumed |= runner.consumed
            self._reports[stage.number] = runner.reports
        return state

    def _attempted(self, stage: language.Stage) -> tuple[State, Stage]:
        """Carry out the instructions of a stage.

        Raises:
            LayerAbsentError: something is needed that a cached step had made, of this stage or of another.
        """
        state = self._base(stage)
        runner = self.runner(stage, state)
        with self._lock:
            runner.real = stage.number in self._real
            self._counted_on[stage.number] = runner.counted_on
        try:
            steps.run(runner, stage.instructions)
        except LayerAbsentError:
            # The reasons are told when it is carried out after all.
            self._ran[stage.number] = self._once_ran(stage, runner.reports)
            raise
        except BaseException:
            self._noted(stage, runner)
            raise
        runner.reports = self._once_ran(stage, runner.reports)
        self._noted(stage, runner)
        return state, runner

    def _once_ran(self, stage: language.Stage, reports: list[StepReport]) -> list[StepReport]:
        """The reports of an attempt, with those of steps that ran in an earlier one and are cached since."""
        before = self._ran.get(stage.number, [])
        both = zip_longest(reports, before)
        return [
            old if old is not None and not old.cached and (new is None or new.cached) else new
            for new, old in both
            if new is not None or old is not None
        ]

    def _noted(self, stage: language.Stage, runner: Stage) -> None:
        runner.inputs.save()
        with self._lock:
            costs.keep(self.tools.data, self.location, stage.title, runner.reports)

    def _given_up(self, stage: language.Stage, error: LayerAbsentError) -> None:
        """`stage` needs a layer that is not to be had: the stages that counted on it are carried out after all.

        Raises:
            LayerAbsentError: this has not helped before.
        """
        with self._lock:
            self._missed[stage.number, error.digest] += 1
            if self._missed[stage.number, error.digest] > _MOST_TIMES:
                raise error
            owners = {number for number, digests in self._counted_on.items() if error.digest in digests}
            self._real |= owners
            # Whatever stands on them holds the layer, too; what it did itself is in the cache.
            for number, promise in list(self._done.items()):
                state = promise.now()
                if number == stage.number or state is None:
                    continue
                if number in owners or any(_lacking(layer, error.digest) for layer in state.layers):
                    del self._done[number]

    def runner(self, stage: language.Stage, state: State) -> Stage:
        """What carries out the instructions of `stage` on `state`."""
        inputs = Inputs(self.tools.data / "cache" / "inputs", self.location, str(self.platform), stage.title)
        below = self._stage_below(self._base_name(stage), stage.number)
        words = state.key.split()
        digest = words[1] if words[0] == "image" else hashlib.sha256(state.key.encode()).hexdigest()
        inputs.on(f"stage {below.title}" if below is not None else self._base_name(stage), digest[:19])
        runner = Stage(state, self.tools, _Before(self, stage.number, state), stage.title, inputs)
        runner.count = len(state.triggers) + len(stage.instructions)
        return runner

    def _ahead(self, stage: language.Stage) -> list[threading.Thread]:
        """Begin the stages that this one will ask for, each in a thread; errors come up where they are asked for."""
        needed = [each for each in self._needed(stage) if each.number not in self._done]
        threads = [threading.Thread(target=self._quietly, args=(each,)) for each in needed]
        base = self._stage_below(self._base_name(stage), stage.number)
        if len(threads) == 1 and base is not None and needed[0].number == base.number:
            return []  # nothing to do beside it
        for thread in threads:
            thread.start()
        return threads

    def _quietly(self, stage: language.Stage) -> None:
        try:
            self.finished(stage)
        except BaseException:  # noqa: BLE001 (kept in the stage's promise, for whoever asks for it)
            return

    def _needed(self, stage: language.Stage) -> list[language.Stage]:
        found = [self.earlier(name, stage.number) for name in steps.sources(stage.instructions)]
        found.insert(0, self._stage_below(self._base_name(stage), stage.number))
        return list({each.number: each for each in found if each is not None}.values())

    def _stage_below(self, name: str, before: int) -> language.Stage | None:
        """The earlier stage that FROM means, unless a named context goes before it."""
        if self.origins.named(name) is not None:
            return None
        return language.base_stage(self.stages, name, before=before)

    def earlier(self, name: str, before: int) -> language.Stage | None:
        """The stage of that name or number before stage `before`, unless a named context goes before it."""
        if self.origins.named(name) is not None:
            return None
        found = self.graph.source(name)
        return found if isinstance(found, language.Stage) and found.number < before else None

    def _base_name(self, stage: language.Stage) -> str:
        return shell.expand(stage.base, self.tools.global_args, self.tools.escape)

    def _base(self, stage: language.Stage) -> State:
        tools, platform = self.tools, self.platform
        if stage.platform:
            text = shell.expand(stage.platform, tools.global_args, tools.escape)
            platform = Platform.parse(text).normal()
        name = self._base_name(stage)
        named = (self.origins.named(stage.name) if stage.name else None) or self.origins.named(name)
        if named is not None:
            return self.origins.root(named, stage.head.node, platform, tools)
        earlier = self._stage_below(name, stage.number)
        if earlier is not None:
            return self.finished(earlier).branch()
        if name == "scratch":
            return State.scratch(self.platform.to_json(), tools.data / "index")
        with located(stage.head.node):
            return self.origins.image(name, platform, tools).triggered()

    def named(self, name: str, before: int, own: State, node: Node, *, numbers: bool = True) -> State | Context:
        """What `--from` names: a named context, an earlier stage (by its number only with `numbers`), or an image.

        An ONBUILD instruction of the base may name the stage that it became part of: that as far as it is, `own`.

        Raises:
            StageOrderError: the stage that is named comes later.
        """
        context = self.origins.named(name)
        if context is not None:
            return self.origins.context(context, self.tools)
        stage = self.graph.source(name, node) if numbers else self.graph.named(name) or name
        if stage == "scratch":
            return State.scratch(self.platform.to_json(), self.tools.data / "index")
        if isinstance(stage, language.Stage):
            if stage.number > before:
                raise StageOrderError(f"the stage {stage.title} comes later", context=place(node))
            return self.finished(stage) if stage.number < before else own
        name = stage
        known = [each.name for each in self.stages[:before] if each.name]
        if "/" not in name and ":" not in name and known:
            import difflib

            if difflib.get_close_matches(name, known, 1, 0.8):
                return self.finished(language.target_stage(self.stages[:before], name))  # raises with the nearest name
        return self.origins.image(name, self.platform, self.tools)


def _lacking(layer: Layer, digest: Digest) -> bool:
    return layer.descriptor.digest == digest and absent(layer)


def _brought(state: State, *, all: bool) -> None:
    """Have the layers of the result in the store; without `all`, a base's may stay at its registry.

    Raises:
        LayerAbsentError: one cannot be had.
    """
    kinds = Lent | Distant if all else Lent
    wanted = {layer.diff_id: layer for layer in state.layers if isinstance(layer.source, kinds)}
    if wanted:
        from concurrent.futures import ThreadPoolExecutor  # loaded only where something is to be fetched

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for job in [pool.submit(bring, layer) for layer in wanted.values()]:
                job.result()


class _Before(msgspec.Struct, frozen=True):
    """The stages before one, as it sees them."""

    plan: Plan
    number: int
    own: State

    def source(self, name: str, node: Node, *, numbers: bool = True) -> State | Context:
        """The finished stage, image or named context of that name."""
        return self.plan.named(name, self.number, self.own, node, numbers=numbers)

    def wait(self, names: Iterable[str]) -> None:
        """Wait until the stages among `names` are finished; what stopped one comes up where it is used."""
        for name in names:
            stage = self.plan.earlier(name, self.number)
            if stage is not None:
                with contextlib.suppress(Exception):  # raised again where the stage is used
                    self.plan.finished(stage)
