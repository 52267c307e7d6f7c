"""What stages take from each other, judged before any is built: BuildKit looks at unused ones as well."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from dockyard.build.fault import PlatformRefusedError, located, place
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile.node import Node
from dockyard.dockerfile.stages import Stage
from dockyard.errors import UsageError
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SCRATCH = "scratch"
Contexts = Callable[[str], bool]


class StageOrderError(UsageError):
    """An instruction takes something from a stage that does not come before it, or from a number that no stage has."""

    reference = "stage-order"
    hint = "Put the stage before the one that takes from it. Stages are counted from 0."


class FromExpansionError(UsageError):
    """COPY --from has a variable or a quote in it, which it does not replace."""

    reference = "from-expansion"
    hint = "Give the image a stage of its own, FROM ${ARG} AS name, and take from that."


class BlankBaseError(UsageError):
    """A FROM has no image left once its arguments are replaced."""

    reference = "base-blank"
    hint = "Give the ARG a default or a --build-arg."


class Graph(msgspec.Struct, dict=True):
    """The stages of a Dockerfile, and the images that `--from` and `from=` name beside them.

    Numbers that `--from` gives go on with those images, in the order in which the file names them.
    """

    stages: Sequence[Stage]
    images: list[str] = msgspec.field(default_factory=list)

    def named(self, name: str) -> Stage | None:
        """The stage of that name, of several the last, wherever it stands."""
        return next((each for each in reversed(self.stages) if each.name and each.name == name.lower()), None)

    def source(self, name: str, node: Node | None = None) -> Stage | str:
        """What COPY --from=`name` means: a stage, or the name of an image.

        Raises:
            StageOrderError: it is a number that no stage and no image has.
        """
        if not _NUMBER.fullmatch(name):
            return self.named(name) or name
        number, count = int(name), len(self.stages)
        if not 0 <= number < count + len(self.images):
            raise StageOrderError(f"there is no stage {name}", context=place(node) if node is not None else {})
        return self.stages[number] if number < count else self.images[number - count]

    def judge(self, values: Mapping[str, str], escape: str, contexts: Contexts) -> None:
        """Refuse what BuildKit refuses whether or not a stage is used.

        Args:
            values: the global arguments.
            escape: the escape character.
            contexts: whether a name is one of a named context.

        Raises:
            FromExpansionError, StageOrderError, BlankBaseError, PlatformRefusedError, ReferenceInvalidError: of the
                first FROM or --from that is wrong.
        """
        bases: list[int | None] = []
        for stage in self.stages:
            with located(stage.head.node):
                bases.append(self._base(stage, values, escape, contexts))
        taken: list[set[int]] = [{base} if base is not None else set() for base in bases]
        for stage in self.stages:
            if stage.name and contexts(stage.name):
                continue
            for instruction in stage.instructions:
                with located(instruction.node):
                    taken[stage.number] |= self._taken(instruction, escape)
        _circle(self.stages, taken)

    def _base(self, stage: Stage, values: Mapping[str, str], escape: str, contexts: Contexts) -> int | None:
        node = stage.head.node
        name = shell.expand(stage.base, values, escape)
        if not name:
            raise BlankBaseError(f"FROM {stage.base} names no image", context=place(node))
        if stage.platform:
            platform = shell.expand(stage.platform, values, escape)
            if not platform:
                raise PlatformRefusedError(f"--platform={stage.platform} is empty", context=place(node))
            Platform.parse(platform)
        if contexts(name) or (stage.name and contexts(stage.name)):
            return None
        earlier = [each.number for each in self.stages[: stage.number] if each.name and each.name == name]
        if not earlier and name != _SCRATCH:
            Reference.parse(name)
        return earlier[-1] if earlier else None

    def _taken(self, instruction: ins.Instruction, escape: str) -> set[int]:
        found: list[Stage | str] = []
        if isinstance(instruction, ins.Copy) and instruction.from_:
            if shell.expand(instruction.from_, {}, escape) != instruction.from_:
                raise FromExpansionError(
                    f"--from={instruction.from_} is taken as it is written", context=place(instruction.node)
                )
            found.append(self.source(instruction.from_, instruction.node))
        elif isinstance(instruction, ins.Run):
            # A mount that takes from nowhere counts as one that takes from scratch, whatever its type.
            found += [self.named(mount.from_) or mount.from_ or _SCRATCH for mount in instruction.mounts]
        self.images += [each for each in found if isinstance(each, str)]
        return {each.number for each in found if isinstance(each, Stage)}


def patterns(stages: Sequence[Stage], escape: str) -> list[str] | None:
    """What the instructions of `stages` name in the context; None where a variable may name anything."""
    found: list[str] = []
    for stage in stages:
        for instruction in stage.instructions:
            if isinstance(instruction, ins.Add) or (isinstance(instruction, ins.Copy) and not instruction.from_):
                found += instruction.sources
            elif isinstance(instruction, ins.Run):
                found += [mount.source for mount in instruction.mounts if mount.type == "bind" and not mount.from_]
    try:
        return None if any("$" in each for each in found) else [shell.process(each, {}, escape).text for each in found]
    except shell.ExpansionError:
        return None  # whoever carries the instruction out says what is wrong with it


def _circle(stages: Sequence[Stage], taken: Sequence[set[int]]) -> None:
    """Refuse stages that need each other."""
    done: set[int] = set()
    for first in range(len(stages)):
        open_ = [(first, iter(sorted(taken[first])))]
        way = {first}
        while open_:
            number, rest = open_[-1]
            other = next(rest, None)
            if other is None:
                open_.pop()
                way.discard(number)
                done.add(number)
            elif other in way:
                title = stages[other].title
                raise StageOrderError(f"the stage {title} needs itself", context={"stage": title})
            elif other not in done:
                way.add(other)
                open_.append((other, iter(sorted(taken[other]))))
