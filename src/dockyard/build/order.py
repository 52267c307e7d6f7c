"""What a better order of a Dockerfile's lines would have saved, reckoned from the seconds that its steps took."""

from collections.abc import Sequence
from typing import Any

import msgspec

from dockyard.build.cache.explain import BASE_CHANGED
from dockyard.build.tools import StepReport

_LEAST = 0.05
_ARGUMENT = "argument "


class Better(msgspec.Struct, frozen=True):
    """Steps that ran again only because of a line above them.

    Attributes:
        cause: the line that changed, or of the first step that a changed argument made run.
        reason: what changed there.
        lines: of the steps that need not have run.
        seconds: that they took.
        argument: the ARG that should stand below them; empty where they should stand above `cause`.
        variable: whether it is an ENV instead.
    """

    stage: str
    cause: int
    reason: str
    lines: Sequence[int]
    seconds: float
    argument: str = ""
    variable: bool = False

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        found = {"stage": self.stage, "line": self.cause, "reason": self.reason, "lines": list(self.lines)}
        return {**found, "seconds": self.seconds, **({"argument": self.argument} if self.argument else {})}

    def __str__(self) -> str:
        """For people."""
        lines = ", ".join(map(str, self.lines))
        word = "lines" if len(self.lines) > 1 else "line"
        if self.argument:
            return (
                f"{word} {lines} ran because {self.reason}, which no command there names: with "
                f"{'ENV' if self.variable else 'ARG'} {self.argument} "
                f"below, up to {self.seconds:.1f} s would have been saved"
            )
        return (
            f"{word} {lines} ran only because of line {self.cause} ({self.reason}): above it, where what it brings "
            f"is not needed, up to {self.seconds:.1f} s would have been saved"
        )


def better(steps: Sequence[StepReport]) -> list[Better]:
    """What could have been saved in each stage, the most seconds first. Steps that took no time do not count."""
    stages: dict[str, list[StepReport]] = {}
    for step in steps:
        stages.setdefault(step.stage, []).append(step)
    found = [each for title, own in stages.items() if (each := _stage(title, own)) is not None]
    return sorted(found, key=lambda each: -each.seconds)


def _stage(title: str, steps: Sequence[StepReport]) -> Better | None:
    first = next((number for number, step in enumerate(steps) if step.why), None)
    if first is None or steps[first].why == BASE_CHANGED:
        return None
    cause = steps[first]
    commands = [step for step in steps[first + 1 :] if step.text.upper().startswith("RUN")]
    later = [step for step in commands if step.why == BASE_CHANGED]
    argument = ""
    if cause.why.startswith(_ARGUMENT):
        name = cause.why.removeprefix(_ARGUMENT).split(" ")[0]
        if name in cause.text:
            return None  # it needs what changed, and so may all that stands on it
        alike = (BASE_CHANGED, cause.why)
        later = [step for step in (cause, *commands) if step.why in alike and name not in step.text]
        argument = name
    elif not cause.why.startswith("file "):
        return None
    seconds = round(sum(step.seconds for step in later), 1)
    if sum(step.seconds for step in later) < _LEAST:
        return None
    variable = any(step.text.upper().startswith("ENV") and argument in step.text for step in steps)
    lines = [step.line for step in later]
    return Better(title, cause.line, cause.why, lines, seconds, argument, bool(argument) and variable)
