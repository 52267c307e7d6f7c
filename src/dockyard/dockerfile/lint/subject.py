"""What rules look at: the parsed file with its stages, and ways to quote it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from msgspec.structs import replace

from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.instructions import Arg, Instruction, Onbuild, Shell, interpret
from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.finding import Fix, Remark, Severity
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.shell import ExpansionError, process
from dockyard.dockerfile.stages import Stage, stages

T = TypeVar("T", bound=Instruction)


@dataclass(frozen=True, slots=True)
class Subject:
    """A Dockerfile as rules see it. `ignored` are the rules of the context's ignore file, where it is known.

    `shells` are the comments that name a shell, by line; `bases` has for each stage what its FROM names while every ARG
    has its default, `parents` the number of the stage that it is built on, or None, and `chosen` its SHELLs.
    """

    dockerfile: Dockerfile
    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    shells: tuple[tuple[int, str], ...]
    bases: tuple[str, ...]
    parents: tuple[int | None, ...]
    chosen: tuple[tuple[Shell, ...], ...]
    ignored: IgnoreRules | None = None
    options: Options = field(default_factory=Options)

    @classmethod
    def of(cls, dockerfile: Dockerfile, *, ignored: IgnoreRules | None = None, options: Options | None = None) -> Self:
        """`dockerfile` with its stages read.

        Raises:
            DockerfileInvalidError: an instruction cannot be understood.
        """
        arguments, found = stages(dockerfile)
        defaults = declared(arguments, {}, dockerfile.escape)
        bases = tuple(expanded(stage.base, defaults, dockerfile.escape) for stage in found)
        names: dict[str, int] = {}
        parents: list[int | None] = []
        for stage, base in zip(found, bases, strict=True):
            # FROM knows stages by name only, and their names in lower case only.
            parents.append(names.get(base))
            if stage.name:
                names[stage.name] = stage.number
        shells = tuple(silence.shells(dockerfile))
        chosen = tuple(tuple(each for each in stage.instructions if isinstance(each, Shell)) for stage in found)
        built_on = tuple(parents)
        options = options or Options()
        return cls(dockerfile, arguments, tuple(found), shells, bases, built_on, chosen, ignored, options)

    def every(self, kind: type[T]) -> Iterator[tuple[Stage, T]]:
        """Every instruction of a kind with its stage, in the file's order; what an ONBUILD holds is among them."""
        for stage in self.stages:
            for instruction in stage.instructions:
                held = meant_later(instruction)
                if isinstance(held, kind):
                    yield stage, held

    def shipped(self) -> list[Stage]:
        """The stages whose layers the final image consists of, in the file's order."""
        return self.lineage(self.stages[-1])[::-1]

    def source(self, node: Node) -> str:
        """The lines of `node` as they stand in the file."""
        return "\n".join(self.dockerfile.lines[node.start_line - 1 : node.end_line])

    def lineage(self, stage: Stage) -> list[Stage]:
        """`stage`, the stage that it is built on, and so on, as far as they are in this file."""
        found = [stage]
        while (parent := self.parents[found[-1].number]) is not None:
            found.append(self.stages[parent])
        return found

    def root(self, stage: Stage) -> str:
        """The image that the lowest stage of the lineage of `stage` is built on, ARGs at their defaults."""
        return self.bases[self.lineage(stage)[-1].number]


def declared(arguments: Iterable[Arg], env: Mapping[str, str], escape: str) -> dict[str, str]:
    """`env` with what `arguments` are while nobody gives them values."""
    found = dict(env)
    for argument in arguments:
        for name, value in argument.pairs:
            found[name] = expanded(value or "", found, escape)
    return found


def expanded(text: str, env: Mapping[str, str], escape: str = "\\", *, keep: bool = True) -> str:
    """`text` with its variables replaced, as it is where it cannot be; with `keep` what is not set stays as written."""
    try:
        return process(text, env, escape, keep_unset=keep).text
    except ExpansionError:  # the build refuses it
        return text


def meant_later(instruction: Instruction) -> Instruction:
    """What an ONBUILD holds, on the lines of the ONBUILD; any other instruction as it is."""
    body = instruction.node.body
    if not isinstance(instruction, Onbuild) or body is None:
        return instruction
    try:
        return interpret(replace(body, start_line=instruction.node.start_line, end_line=instruction.node.end_line))
    except DockerfileInvalidError:
        return instruction  # whether it is sound shows in the builds that use the image


def remark(
    instruction: Instruction,
    message: str,
    better: str = "",
    *,
    severity: Severity | None = None,
    fix: bool = False,
    partner: int = 0,
) -> Remark:
    """A remark on the whole of `instruction`; with `fix` the better text can take its place as it is."""
    node = instruction.node
    put = Fix(node.start_line, node.end_line, better) if fix and better else None
    return Remark(node.start_line, node.end_line, message, better, severity, put, partner)
