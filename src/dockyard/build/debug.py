"""Building up to a line, and going into the container there."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from dockyard.build.budget import budget
from dockyard.build.enter import Cell
from dockyard.build.fault import RunFailedError
from dockyard.build.ground import Ground, context_files, step_cache
from dockyard.build.journal import Journal
from dockyard.build.options import Options
from dockyard.build.plan import Plan
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.contexts import read_dockerfile
from dockyard.content.layout import Layout
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.parser import parse
from dockyard.errors import UsageError
from dockyard.oci.platform import Platform

Visit = Callable[[Cell], int]


class LineUnknownError(UsageError):
    """No instruction of a stage that can be built stands on the line that `dockyard debug --at` names."""

    reference = "debug-line-unknown"
    hint = "Name a line of FROM or of an instruction below it, as the Dockerfile counts them from 1."


class _LeftError(Exception):
    """The container was left; unwinds the step that made it ready."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def debug(
    context: Path,
    visit: Visit,
    *,
    dockerfile: Path | None,
    store: Layout,
    data: Path,
    bases: Bases,
    options: Options,
    journal: Journal,
    at: int = 0,
) -> int:
    """Build up to and including line `at`, or the whole target where it is 0, and call `visit` with the container
    there: with the mounts of a RUN where `at` is one's. A RUN that fails on the way is visited instead, as it left its
    files. Returns what `visit` returned; no image is made.

    Args:
        context: the folder with the files.
        visit: goes into the container; its return value is this function's.
        dockerfile: another than the context's own.
        store: gets the layers of the steps on the way.
        data: the data folder.
        bases: where FROM finds images.
        options: as for a build.
        journal: is told of every step.
        at: a line of the Dockerfile, or 0.

    Raises:
        LineUnknownError: there is no instruction on that line.
        Error: whatever stops the build in another way.
    """
    path, parsed = read_dockerfile(context, dockerfile)
    left: list[int] = []

    def failed(cell: Cell) -> None:
        left.append(visit(cell))

    ground = Ground(
        path,
        parsed,
        context_files(context, path, options),
        store,
        data,
        bases,
        options,
        step_cache(data, store, options),
        journal,
        budget(options.processors, options.memory),
        failed,
    )
    plan = ground.plan(next(iter(options.platforms), None) or Platform.host())
    stage = _upto(plan, at) if at else language.target_stage(plan.stages, options.target)
    journal.begin()
    try:
        plan.build(stage)
    except RunFailedError as error:
        journal.end(error)
        if left:
            return left[0]
        raise
    except BaseException as error:
        journal.end(error)
        raise
    journal.end()
    return _visited(plan, stage, visit, at)


def _upto(plan: Plan, at: int) -> language.Stage:
    """The stage that line `at` is in, without what follows the line; stages are numbered as before."""
    for stage in reversed(plan.stages):
        if stage.head.node.start_line > at:
            continue
        body = tuple(each for each in stage.instructions if each.node.start_line <= at)
        last = body[-1].node if body else stage.head.node
        if last.end_line < at:
            break
        cut = msgspec.structs.replace(stage, instructions=body)
        plan.stages = [cut if each.number == stage.number else each for each in plan.stages]
        return cut
    raise LineUnknownError(f"there is no instruction on line {at}")


def _visited(plan: Plan, stage: language.Stage, visit: Visit, at: int) -> int:
    """Make the container ready that a RUN would get after the last instruction, and visit it."""
    from dockyard.build.run import execute, mounting

    runner = plan.runner(stage, plan.result)
    last = stage.instructions[-1] if stage.instructions else None
    instruction: ins.Instruction | None = last if at else None
    if not isinstance(instruction, ins.Run):
        (node,) = parse("RUN true").nodes
        end = (last or stage.head).node.end_line
        instruction = ins.interpret(msgspec.structs.replace(node, start_line=end, end_line=end))
    assert isinstance(instruction, ins.Run)
    runner.step = plan.tools.progress.step(stage.title, at or stage.head.node.start_line, "shell")

    def visited(cell: Cell) -> NoReturn:
        raise _LeftError(visit(cell))

    try:
        mounts = tuple(mounting.wanted(runner, instruction))
        network = instruction.network if instruction.network != "default" else plan.tools.options.network
        execute.execute(runner, instruction, ["true"], dict(plan.result.scope), network, {}, mounts, instead=visited)
    except _LeftError as gone:
        runner.step.finish("done")
        return gone.code
    except BaseException as error:
        runner.step.finish("failed", note=str(error))
        raise
    raise AssertionError
