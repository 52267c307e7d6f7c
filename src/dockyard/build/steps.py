"""One stage's instructions, carried out in order: each is looked up in the cache before anything is done."""

import time
from collections.abc import Iterator, Sequence

from dockyard.build import configure
from dockyard.build.cache.cache import Made, key
from dockyard.build.copy import step as copying
from dockyard.build.copy.destination import Destination
from dockyard.build.copy.owner import OwnerUnknownError, by_number, owner
from dockyard.build.fault import NotSupportedYetError, located, place
from dockyard.build.lazy.lent import LayerAbsentError
from dockyard.build.run import step as running
from dockyard.build.slashes import backward, forward
from dockyard.build.stage import Stage
from dockyard.build.tools import StepReport
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile.parser import parse
from dockyard.errors import Error

_CANCELLED = ("container-cancelled", "build-cancelled", LayerAbsentError.reference)

# Arguments that say what is to be scanned; no command sees them.
_UNSEEN = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")


def run(stage: Stage, instructions: Sequence[ins.Instruction]) -> None:
    """Carry out the base's ONBUILD instructions, then `instructions`."""
    triggers = stage.state.triggers
    stage.state.triggers = ()
    for text in triggers:
        for node in parse(text).nodes:
            _step(stage, ins.interpret(node))
    for instruction in instructions:
        _step(stage, instruction)


def _step(stage: Stage, instruction: ins.Instruction) -> None:
    """Carry out one instruction."""
    stage.sources.wait(sources([instruction]))  # so that waiting does not count as this step's time
    began = time.monotonic()
    text = instruction.node.shown
    position = f"{len(stage.reports) + 1}/{stage.count}"
    step = stage.tools.progress.step(stage.tools.prefix + stage.title, instruction.node.start_line, text, position)
    layers = len(stage.state.layers)
    stage.cached, stage.why, stage.step = True, "", step
    try:
        with located(instruction.node):
            _carry_out(stage, instruction)
    except BaseException as error:
        # A step that uses a stage which failed gets that stage's own error.
        cancelled = (isinstance(error, Error) and error.reference in _CANCELLED) or stage.tools.progress.told(error)
        interrupted = isinstance(error, KeyboardInterrupt)  # with a signal's number for a text
        step.finish("cancelled" if cancelled or interrupted else "failed", note="" if interrupted else str(error))
        raise
    new = stage.state.layers[layers:]
    size = sum(layer.descriptor.size for layer in new)
    seconds = round(time.monotonic() - began, 3)
    report = StepReport(instruction.node.start_line, text, stage.cached, seconds, size, stage.why, stage.title)
    stage.reports.append(report)
    step.finish(
        "cached" if stage.cached else "done", size=size, why=stage.why, note="" if new or stage.cached else "done"
    )


def _carry_out(stage: Stage, instruction: ins.Instruction) -> None:
    match instruction:
        case ins.Arg():
            _arg(stage, instruction)
        case ins.Run():
            running.run(stage, instruction)
        case ins.Copy() | ins.Add():
            copying.copy(stage, instruction)
        case ins.Workdir():
            _workdir(stage, instruction)
        case _:
            created_by = configure.apply(stage.state, instruction, stage.expand, stage.words)
            if created_by is None:
                raise NotSupportedYetError(instruction.node.keyword.upper(), instruction.node)
            _empty(stage, created_by, instruction.node.text)


def _empty(stage: Stage, created_by: str, text: str) -> None:
    """A step without a layer; its time is kept, so that building again gives the same configuration.

    It changes no file, so the steps below do not depend on it, but for what they take from it themselves.
    """
    step = key(stage.state.key, "empty", created_by or text, stage.tools.epoch)
    made = stage.known(step)
    if made is None:
        stage.cached = False
        made = Made(stage.now())
        stage.tools.cache.put(step, made)
    if created_by:
        stage.state.add(made, created_by)


def _arg(stage: Stage, instruction: ins.Arg) -> None:
    shown = []
    for name, default in instruction.pairs:
        value = stage.tools.build_args.get(name)
        stage.consumed.add(name)
        if value is None:
            value = stage.tools.global_args.get(name) if default is None else stage.expand(default)
        if value is not None:
            (stage.state.unseen if name in _UNSEEN else stage.state.scope)[name] = value
        if name not in stage.state.args:
            stage.state.args.append(name)
        shown.append(name if value is None else f"{name}={value}")
    _empty(stage, f"ARG {' '.join(shown)}", "")


def _workdir(stage: Stage, instruction: ins.Workdir) -> None:
    written = stage.expand(instruction.path)
    # An absolute path stays as it is written, a relative one is cleaned, and none at all changes nothing.
    path = written or stage.state.workdir
    if stage.state.windows:
        path = forward(path, instruction.node)
    if not path.startswith("/"):
        path = configure.joined(stage.state.workdir, path, instruction.node)
    if stage.state.windows:
        path = configure.joined("/", path, instruction.node)
    stage.state.config["WorkingDir"] = backward(path) if stage.state.windows else path
    created_by = f"WORKDIR {path}"
    if path == "/":
        _empty(stage, created_by, "")
        return
    step = key(stage.state.key, "workdir", path, stage.state.config.get("User"), stage.tools.epoch)
    made = stage.known(step)
    if made is None:
        stage.missed(base=stage.state.key, instruction=created_by, user=stage.state.config.get("User"))
        user = str(stage.state.config.get("User") or "")
        owned = None
        if user:  # one that is not known yet is for RUN to refuse
            if not stage.state.layers and not by_number(user):
                raise OwnerUnknownError(
                    f"the user {user} cannot be looked up where nothing is yet", context=place(instruction.node)
                )
            owned = owner(user, stage.state.tree, stage.warner(instruction.node.start_line))
        destination = Destination(stage.state.tree, stage.state.stirred)
        with stage.tools.writer() as writer:
            entries = destination.folders(destination.resolve(path), 0o755, owned, stage.seconds())
            for entry in entries:
                for folder in destination.above(entry.path, stage.seconds()):
                    writer.add(folder)
                writer.add(entry)
            made = Made(stage.now(), writer.commit())
        stage.tools.cache.put(step, made)
    stage.state.key = step
    stage.state.add(made, created_by)


def sources(instructions: Sequence[ins.Instruction]) -> Iterator[str]:
    """What instructions take by `--from` and `from=`."""
    for instruction in instructions:
        if isinstance(instruction, ins.Copy) and instruction.from_ and instruction.sources:
            yield instruction.from_
        elif isinstance(instruction, ins.Run):
            yield from (each.from_ for each in instruction.mounts if each.from_ and not each.from_.isdecimal())
