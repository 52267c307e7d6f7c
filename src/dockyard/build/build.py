"""A Dockerfile and a context into an image, once per distinct input."""

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockyard._internal.limits import DOCKERFILE_BYTES
from dockyard.build.bases import Bases
from dockyard.build.cache import StepCache
from dockyard.build.context import Context
from dockyard.build.fault import ContextUnreadableError, NotSupportedYetError
from dockyard.build.state import State
from dockyard.build.steps import PROXIES, Stage, StepReport, Tools
from dockyard.content.layout import Layout
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.parser import parse
from dockyard.errors import UsageError
from dockyard.images.assemble import assemble
from dockyard.images.image import Image, open_image
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT, Progress


class BuildArgumentError(UsageError):
    """A build argument is not of the form NAME=value."""

    reference = "build-argument-invalid"


@dataclass(frozen=True)
class Base:
    """An image that a build took something from: as written, and what that was."""

    written: str
    reference: str
    digest: Digest
    pinned: bool

    def to_json(self) -> dict[str, Any]:
        """As results and records print it."""
        return {"image": self.reference, "digest": str(self.digest), "pinned": self.pinned}


@dataclass(frozen=True)
class BuildResult:
    """The image, and how it came to be."""

    image: Image
    steps: Sequence[StepReport]
    bases: Sequence[Base]
    seconds: float
    unused: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "digest": str(self.image.descriptor.digest),
            "image_id": str(self.image.manifest.config.digest),
            "size": sum(layer.descriptor.size for layer in self.image.layers),
            "seconds": self.seconds,
            "bases": [each.to_json() for each in self.bases],
            "steps": [each.to_json() for each in self.steps],
            "unused_build_args": list(self.unused),
        }


def read_dockerfile(context: Path, dockerfile: Path | None) -> tuple[Path, Dockerfile]:
    """The Dockerfile of a build and where it lies: `dockerfile`, or the file `Dockerfile` in `context`.

    Raises:
        ContextUnreadableError: it is not there, cannot be read, or is too large.
        DockerfileInvalidError: it is not well formed.
    """
    path = dockerfile if dockerfile is not None else context / "Dockerfile"
    try:
        with open(path, "rb") as stream:
            raw = stream.read(DOCKERFILE_BYTES + 1)
    except OSError as error:
        raise ContextUnreadableError(f"cannot read {path}: {error.strerror}", context={"file": path}) from error
    if len(raw) > DOCKERFILE_BYTES:
        raise ContextUnreadableError(f"{path} is larger than {DOCKERFILE_BYTES} bytes", context={"file": path})
    return path, parse(raw)


def ignore_rules(context: Path, dockerfile: Path) -> IgnoreRules:
    """The rules of `<Dockerfile>.dockerignore` beside the file, which replaces the context's `.dockerignore`."""
    for path in (dockerfile.with_name(dockerfile.name + ".dockerignore"), context / ".dockerignore"):
        try:
            return IgnoreRules.parse(path.read_bytes()[:DOCKERFILE_BYTES])
        except FileNotFoundError:
            continue
    return IgnoreRules()


def build(
    context: Path,
    *,
    dockerfile: Path | None = None,
    store: Layout,
    data: Path,
    bases: Bases,
    build_args: Mapping[str, str] | None = None,
    target: str = "",
    tags: Sequence[Reference] = (),
    labels: Mapping[str, str] | None = None,
    epoch: int | None = None,
    use_cache: bool = True,
    progress: Progress = SILENT,
) -> BuildResult:
    """Build the stage `target` (the last by default) and tag the image in `store`.

    Args:
        context: the folder that COPY and ADD take from.
        dockerfile: the file; `Dockerfile` in the context by default.
        store: gets layers and image.
        data: holds the cache, unpacked layers and folders to work in.
        bases: finds the images of FROM and --from.
        build_args: values for ARG.
        target: a stage's name or number.
        tags: names for the image.
        labels: further labels of the image.
        epoch: SOURCE_DATE_EPOCH; no time in the image is later.
        use_cache: look steps up before carrying them out.
        progress: gets a task a step, and the output of RUN.

    Interrupting is safe: run it again, and finished steps are not done again.

    Raises:
        DockerfileInvalidError, NotSupportedYetError, SourceMissingError, ContextEscapeError, RunFailedError, …: each
            names its line; no tag changes.
    """
    began = time.monotonic()
    path, parsed = read_dockerfile(context, dockerfile)
    global_args, stages = language.stages(parsed)
    given = dict(build_args or {})
    work = _Build(stages, bases, given, Platform.host())
    values = work.globals(global_args, parsed.escape)
    work.tools = Tools(
        store,
        data,
        StepCache(data / "cache", store),
        Context(context, ignore_rules(context, path)),
        parsed.escape,
        epoch,
        given,
        values,
        progress,
        use_cache,
    )
    wanted = language.target_stage(stages, target)
    state = work.finished(wanted)
    if labels:
        state.config["Labels"] = {**(state.config.get("Labels") or {}), **labels}
    image = _assembled(store, state)
    for tag in tags:
        store.tag(str(tag), image.descriptor)
    unused = sorted(set(given) - work.consumed - {name for name in given if name.upper() in PROXIES})
    if unused:
        progress.log(f"warning: no ARG takes these build arguments: {', '.join(unused)}")
    return BuildResult(image, work.reports, work.bases_used, round(time.monotonic() - began, 3), unused)


def _assembled(store: Layout, state: State) -> Image:
    created = max(
        (str(item["created"]) for item in state.history if item.get("created")), default="1970-01-01T00:00:00Z"
    )
    config = {"created": created, **state.platform, "config": state.config}
    return assemble(store, config=config, layers=state.layers, history=state.history)


@dataclass
class _Build:
    """The stages, each finished once and only if something needs it."""

    stages: Sequence[language.Stage]
    bases: Bases
    given: Mapping[str, str]
    platform: Platform
    consumed: set[str] = field(default_factory=set)
    reports: list[StepReport] = field(default_factory=list)
    bases_used: list[Base] = field(default_factory=list)
    _tools: Tools | None = None
    _done: dict[int, State] = field(default_factory=dict)
    _images: dict[str, State] = field(default_factory=dict)
    _at: int = 0

    @property
    def tools(self) -> Tools:
        assert self._tools is not None
        return self._tools

    @tools.setter
    def tools(self, tools: Tools) -> None:
        self._tools = tools

    def globals(self, args: Sequence[ins.Arg], escape: str) -> dict[str, str]:
        """The values of the global arguments, the platform's among them."""
        values = {
            f"{side}{name}": value
            for side in ("TARGET", "BUILD")
            for name, value in (
                ("PLATFORM", str(self.platform)),
                ("OS", self.platform.os),
                ("ARCH", self.platform.architecture),
                ("VARIANT", self.platform.variant),
            )
        }
        for arg in args:
            for name, default in arg.pairs:
                self.consumed.add(name)
                if name in self.given:
                    values[name] = self.given[name]
                elif default is not None:
                    values[name] = shell.expand(default, values, escape)
        return values

    def finished(self, stage: language.Stage) -> State:
        """The state of `stage` with all its instructions carried out."""
        if stage.number not in self._done:
            state = self._base(stage)
            runner = Stage(state, self.tools, _Before(self, stage.number), stage.title)
            runner.run(stage.instructions)
            self.consumed |= runner.consumed
            self.reports += runner.reports
            self._done[stage.number] = state
        return self._done[stage.number]

    def _base(self, stage: language.Stage) -> State:
        tools = self.tools
        node = stage.head.node
        if stage.platform:
            wanted = shell.expand(stage.platform, tools.global_args, tools.escape)
            if not self.platform.satisfies(Platform.parse(wanted)):
                raise NotSupportedYetError(f"FROM --platform={wanted} on {self.platform}", node)
        name = shell.expand(stage.base, tools.global_args, tools.escape)
        if name == "scratch":
            return State.scratch(self.platform.to_json(), tools.data / "index")
        earlier = language.find_stage(self.stages, name, before=stage.number)
        if earlier is not None and earlier.name:
            return self.finished(earlier).branch()
        return self._opened(name, node, from_=True).branch_with_triggers()

    def _opened(self, name: str, node: Node, *, from_: bool = False) -> "_ImageState":
        if not name:
            raise BuildArgumentError(
                "FROM has no image", context={"line": node.start_line}, hint="Give the ARG a default or a --build-arg."
            )
        if name not in self._images or from_:
            reference = Reference.parse(name)
            descriptor = self.bases.resolve(reference)
            image = open_image(self.tools.store, descriptor, self.platform)
            base = Base(name, str(reference), descriptor.digest, reference.digest is not None)
            if base not in self.bases_used:
                self.bases_used.append(base)
            self._images[name] = State.on(image, self.tools.data / "index")
        return _ImageState(self._images[name])

    def named(self, name: str, before: int, node: Node) -> State:
        """What `--from` names: an earlier stage, or an image."""
        stage = language.find_stage(self.stages, name, before=before)
        if stage is not None:
            return self.finished(stage)
        known = [each.name for each in self.stages[:before] if each.name]
        if "/" not in name and ":" not in name and difflib.get_close_matches(name, known, 1, 0.8):
            return self.finished(language.target_stage(self.stages[:before], name))  # raises with the nearest name
        return self._opened(name, node).state


@dataclass(frozen=True)
class _ImageState:
    state: State

    def branch_with_triggers(self) -> State:
        """A stage of its own on the image, whose ONBUILD instructions are still to run."""
        state = self.state.branch()
        state.triggers = self.state.triggers
        return state


@dataclass(frozen=True)
class _Before:
    """The stages before one, as it sees them."""

    work: _Build
    number: int

    def source(self, name: str, node: Node) -> State:
        """The finished stage or image of that name."""
        return self.work.named(name, self.number, node)
