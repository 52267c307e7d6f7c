"""What rules look at: the parsed file with its stages, and ways to quote it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.instructions import Arg, Instruction
from dockyard.dockerfile.lint.finding import Fix, Remark, Severity
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.stages import Stage, find_stage

T = TypeVar("T", bound=Instruction)


@dataclass(frozen=True, slots=True)
class Subject:
    """A Dockerfile as rules see it. `ignored` are the rules of the context's ignore file, where it is known."""

    dockerfile: Dockerfile
    arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    ignored: IgnoreRules | None = None
    options: Options = field(default_factory=Options)

    def every(self, kind: type[T]) -> Iterator[tuple[Stage, T]]:
        """Every instruction of a kind with its stage, in the file's order."""
        for stage in self.stages:
            for instruction in stage.instructions:
                if isinstance(instruction, kind):
                    yield stage, instruction

    def shipped(self) -> list[Stage]:
        """The stages whose layers the final image consists of, in the file's order."""
        return self.lineage(self.stages[-1])[::-1]

    def source(self, node: Node) -> str:
        """The lines of `node` as they stand in the file."""
        return "\n".join(self.dockerfile.lines[node.start_line - 1 : node.end_line])

    def lineage(self, stage: Stage) -> list[Stage]:
        """`stage`, the stage that it is built on, and so on, as far as they are in this file."""
        found = [stage]
        while (parent := find_stage(self.stages, found[-1].base, before=found[-1].number)) is not None:
            if not parent.name or parent.name != found[-1].base.lower():
                break  # FROM knows stages by name only
            found.append(parent)
        return found


def remark(
    instruction: Instruction,
    message: str,
    better: str = "",
    *,
    severity: Severity | None = None,
    fix: bool = False,
) -> Remark:
    """A remark on the whole of `instruction`; with `fix` the better text can take its place as it is."""
    node = instruction.node
    put = Fix(node.start_line, node.end_line, better) if fix and better else None
    return Remark(node.start_line, node.end_line, message, better, severity, put)
