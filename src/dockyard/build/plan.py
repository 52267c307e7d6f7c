"""The graph of stages: each finished once and only if something needs it, side by side where they may be."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dockyard.build import costs, steps
from dockyard.build.bases import Bases
from dockyard.build.budget import FETCH
from dockyard.build.context import Context
from dockyard.build.contexts import key_of, opened
from dockyard.build.copy import Copier, Order, Out, write
from dockyard.build.destination import Destination
from dockyard.build.explain import Inputs
from dockyard.build.fault import place
from dockyard.build.graph import Graph, StageOrderError, patterns
from dockyard.build.options import Options
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.build.tools import StepReport, Tools
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.node import Node
from dockyard.images.image import Image, open_image
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference


class Base(msgspec.Struct, frozen=True):
    """An image that a build took something from: as written, and what that was."""

    written: str
    reference: str
    digest: Digest
    pinned: bool

    def to_json(self) -> dict[str, Any]:
        """As results and records print it."""
        return {"image": self.reference, "digest": str(self.digest), "pinned": self.pinned}


def predefined(platform: Platform, target: str, given: Mapping[str, str]) -> dict[str, str]:
    """The global arguments that are there without an ARG: the platforms' names, and the target's."""
    values = {
        f"{side}{name}": value
        for side, each in (("TARGET", platform), ("BUILD", Platform.host()))
        for name, value in (
            ("PLATFORM", str(each)),
            ("OS", each.os),
            ("OSVERSION", ""),
            ("ARCH", each.architecture),
            ("VARIANT", each.variant),
        )
    }
    values["TARGETSTAGE"] = target or "default"
    return {name: given.get(name, value) for name, value in values.items()}


class Plan(msgspec.Struct, dict=True):
    """One build for one platform.

    Attributes:
        location: what tells this build's Dockerfile from others on this machine.
    """

    stages: Sequence[language.Stage]
    bases: Bases
    given: Mapping[str, str]
    platform: Platform
    options: Options
    location: str
    consumed: set[str] = msgspec.field(default_factory=set)
    bases_used: list[Base] = msgspec.field(default_factory=list)
    _reports: dict[int, list[StepReport]] = msgspec.field(default_factory=dict)
    _tools: Tools | None = None
    _result: State | None = None
    _lock: threading.RLock = msgspec.field(default_factory=threading.RLock)
    _done: dict[int, "_Promise"] = msgspec.field(default_factory=dict)
    _images: dict[str, State] = msgspec.field(default_factory=dict)
    _contexts: dict[str, Context | Image] = msgspec.field(default_factory=dict)

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
                    values[name] = shell.expand(default, values, escape)
        return values

    def build(self, stage: language.Stage) -> None:
        """Finish `stage` and whatever it needs."""
        self.graph.judge(self.tools.global_args, self.tools.escape, lambda name: self._named(name) is not None)
        self.tools.context.asked = patterns(self._reached(stage))
        self._result = self.finished(stage)

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
                promise = self._done[stage.number] = _Promise()
        if mine:
            promise.keep(lambda: self._carried_out(stage))
        return promise.state()

    def _carried_out(self, stage: language.Stage) -> State:
        others = self._ahead(stage)
        try:
            state = self._base(stage)
            runner = self.runner(stage, state)
            try:
                steps.run(runner, stage.instructions)
            finally:
                runner.inputs.save()
                with self._lock:
                    costs.keep(self.tools.data, self.location, stage.title, runner.reports)
        except BaseException:
            self.tools.cancelled.set()
            raise
        finally:
            for thread in others:
                thread.join()
        with self._lock:
            self.consumed |= runner.consumed
            self._reports[stage.number] = runner.reports
        return state

    def runner(self, stage: language.Stage, state: State) -> Stage:
        """What carries out the instructions of `stage` on `state`."""
        inputs = Inputs(self.tools.data / "cache" / "inputs", self.location, str(self.platform), stage.title)
        runner = Stage(state, self.tools, _Before(self, stage.number), stage.title, inputs)
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
        """The earlier stage that FROM means: by its name in lower case, never by its number."""
        if self._named(name) is not None:
            return None
        return next((each for each in reversed(self.stages[:before]) if each.name and each.name == name), None)

    def earlier(self, name: str, before: int) -> language.Stage | None:
        """The stage of that name or number before stage `before`, unless a named context goes before it."""
        if self._named(name) is not None:
            return None
        found = self.graph.source(name)
        return found if isinstance(found, language.Stage) and found.number < before else None

    def _base_name(self, stage: language.Stage) -> str:
        return shell.expand(stage.base, self.tools.global_args, self.tools.escape)

    def _base(self, stage: language.Stage) -> State:
        tools, node = self.tools, stage.head.node
        platform = self.platform
        if stage.platform:
            text = shell.expand(stage.platform, tools.global_args, tools.escape)
            platform = Platform.parse(text).normal()
        name = self._base_name(stage)
        named = (self._named(stage.name) if stage.name else None) or self._named(name)
        if named is not None:
            return self._on_context(named, node, platform)
        if name == "scratch":
            return State.scratch(self.platform.to_json(), tools.data / "index")
        earlier = self._stage_below(name, stage.number)
        if earlier is not None:
            return self.finished(earlier).branch()
        state = self._opened(name, platform)
        branch = state.branch()
        branch.triggers = state.triggers
        return branch

    def _on_context(self, name: str, node: Node, platform: Platform) -> State:
        found = self._context(name)
        if isinstance(found, Image):
            self._note(name, self.options.contexts[name], found)
            state = State.on(found, self.tools.data / "index")
            branch = state.branch()
            branch.triggers = state.triggers
            return branch
        # FROM a folder: its files are the root file system.
        state = State.scratch(platform.to_json(), self.tools.data / "index")
        with self.tools.writer() as writer:
            copier = Copier(Order(node, "/"), Destination(None))
            write(copier.plan(found.find("/", node)[0], found), found, Out(writer))
            state.layers.append(writer.commit())
        state.key = f"folder {state.layers[0].diff_id}"
        state.history.append({"created_by": f"FROM {name}", "comment": "dockyard"})
        return state

    def _opened(self, name: str, platform: Platform) -> State:
        key = f"{platform} {name}"
        with self._lock:
            if key not in self._images:
                reference = Reference.parse(name)
                with self.tools.budget.granted(FETCH, self.tools.cancelled.is_set):
                    descriptor = self.bases.resolve(reference)
                image = open_image(self.tools.store, descriptor, platform)
                self._note(name, str(reference), image, pinned=reference.digest is not None, digest=descriptor.digest)
                self._images[key] = State.on(image, self.tools.data / "index")
            return self._images[key]

    def _note(
        self, name: str, written: str, image: Image, *, pinned: bool = False, digest: Digest | None = None
    ) -> None:
        base = Base(name, written, digest or image.descriptor.digest, pinned)
        if base not in self.bases_used:
            self.bases_used.append(base)

    def _named(self, name: str) -> str | None:
        """The named context that `name` means, if there is one."""
        if not self.options.contexts or name.lower() in ("scratch", "context"):
            return None
        wanted = key_of(name)
        return next((each for each in self.options.contexts if each == name or key_of(each) == wanted), None)

    def _context(self, name: str) -> Context | Image:
        with self._lock:
            if name not in self._contexts:
                self._contexts[name] = opened(
                    name,
                    self.options.contexts[name],
                    data=self.tools.data,
                    bases=self.bases,
                    platform=self.platform,
                    progress=self.tools.progress,
                )
            return self._contexts[name]

    def named(self, name: str, before: int, node: Node, *, numbers: bool = True) -> State | Context:
        """What `--from` names: a named context, an earlier stage (by its number only with `numbers`), or an image."""
        context = self._named(name)
        if context is not None:
            found = self._context(context)
            return State.on(found, self.tools.data / "index") if isinstance(found, Image) else found
        if name == "scratch":
            return State.scratch(self.platform.to_json(), self.tools.data / "index")
        stage = self.graph.source(name, node) if numbers else self.graph.named(name) or name
        if isinstance(stage, language.Stage):
            if stage.number >= before:
                raise StageOrderError(f"the stage {stage.title} comes later or is this one", context=place(node))
            return self.finished(stage)
        name = stage
        known = [each.name for each in self.stages[:before] if each.name]
        if "/" not in name and ":" not in name and known:
            import difflib

            if difflib.get_close_matches(name, known, 1, 0.8):
                return self.finished(language.target_stage(self.stages[:before], name))  # raises with the nearest name
        return self._opened(name, self.platform)


class _Promise:
    """A stage that will be finished by the thread that keeps the promise."""

    def __init__(self) -> None:
        self._kept = threading.Event()
        self._state: State | None = None
        self._error: BaseException | None = None

    def keep(self, make: Callable[[], State]) -> None:
        """Finish the stage, or note what stopped it, and raise that."""
        try:
            self._state = make()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._kept.set()

    def state(self) -> State:
        """The finished stage, once it is; what stopped it comes up here."""
        self._kept.wait()
        if self._error is not None:
            raise self._error
        assert self._state is not None
        return self._state


class _Before(msgspec.Struct, frozen=True):
    """The stages before one, as it sees them."""

    plan: Plan
    number: int

    def source(self, name: str, node: Node, *, numbers: bool = True) -> State | Context:
        """The finished stage, image or named context of that name."""
        return self.plan.named(name, self.number, node, numbers=numbers)

    def wait(self, names: Iterable[str]) -> None:
        """Wait until the stages among `names` are finished; what stopped one comes up where it is used."""
        for name in names:
            stage = self.plan.earlier(name, self.number)
            if stage is not None:
                with contextlib.suppress(Exception):
                    self.plan.finished(stage)
