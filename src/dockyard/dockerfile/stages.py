"""The stages of a Dockerfile: what each FROM begins."""

from collections.abc import Sequence

import msgspec

from dockyard.dockerfile.fault import DockerfileInvalidError, meant
from dockyard.dockerfile.instructions import Arg, From, Instruction, interpret
from dockyard.dockerfile.node import Dockerfile
from dockyard.errors import UsageError


class StageUnknownError(UsageError):
    """The Dockerfile has no stage of the name or number that was asked for."""

    reference = "stage-unknown"
    hint = "Stages get their name with FROM image AS name; without one they are counted from 0."


class Stage(msgspec.Struct, frozen=True):
    """One stage. `base` and `platform` are as written; they expand with the global ARGs only."""

    number: int
    name: str
    base: str
    platform: str
    head: From
    instructions: tuple[Instruction, ...]

    @property
    def title(self) -> str:
        """The name, or the number where there is none."""
        return self.name or str(self.number)


def stages(dockerfile: Dockerfile) -> tuple[tuple[Arg, ...], list[Stage]]:
    """The global arguments (ARG before the first FROM) and the stages in their order.

    Raises:
        DockerfileInvalidError: an instruction is wrong, something other than ARG stands before FROM, or there is none.
    """
    before: list[Arg] = []
    found: list[tuple[From, list[Instruction]]] = []
    for node in dockerfile.nodes:
        instruction = interpret(node)
        if isinstance(instruction, From):
            found.append((instruction, []))
        elif found:
            found[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            before.append(instruction)
        else:
            raise DockerfileInvalidError(
                f"{node.keyword.upper()} stands before FROM",
                line=node.start_line,
                text=node.text,
                hint="Only ARG may stand before the first FROM.",
            )
    if not found:
        raise DockerfileInvalidError("there is no FROM", hint="Begin with FROM image, or FROM scratch.")
    return tuple(before), [
        Stage(number, head.name, head.image, head.platform, head, tuple(body))
        for number, (head, body) in enumerate(found)
    ]


def find_stage(found: Sequence[Stage], name: str, *, before: int | None = None) -> Stage | None:
    """The stage called `name` (without regard to case) or of that number, or None.

    Args:
        found: the stages.
        name: a name or a number from 0.
        before: only stages with a smaller number than this. Of two stages with one name the later counts.
    """
    candidates = [stage for stage in found if before is None or stage.number < before]
    for stage in reversed(candidates):
        if stage.name and stage.name == name.lower():
            return stage
    if name.isascii() and name.isdigit() and len(name) < 6:
        return next((stage for stage in candidates if stage.number == int(name)), None)
    return None


def base_stage(found: Sequence[Stage], name: str, *, before: int) -> Stage | None:
    """The stage that FROM means by `name`, or None: by its name in lower case, never by its number. The arguments are
    those of `find_stage`.
    """
    return next((each for each in reversed(found[:before]) if each.name and each.name == name), None)


def target_stage(found: Sequence[Stage], target: str) -> Stage:
    """The stage to build: the one that `target` names, or the last one where `target` is empty. Numbers are no names.

    Raises:
        StageUnknownError: there is no such stage; the hint names the nearest.
    """
    if not target:
        return found[-1]
    stage = next((each for each in reversed(found) if each.name and each.name == target.lower()), None)
    if stage is None:
        names = [each.name for each in found if each.name]
        hint = meant(target, names) or (f"The stages are: {', '.join(names)}." if names else None)
        raise StageUnknownError(f"the Dockerfile has no stage {target!r}", context={"target": target}, hint=hint)
    return stage
