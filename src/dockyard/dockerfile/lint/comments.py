"""Rules about comments. They run only on request: with `--also`, or by the check directive's `experimental`."""

from collections.abc import Iterator

from dockyard.dockerfile.instructions import Arg, From, Instruction
from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.silence import REASON
from dockyard.dockerfile.lint.subject import Subject, remark


class NoSilencing:
    """A comment silences a rule, where your house wants every exception to stand in one place.

    Leave rules out for everybody with `--ignore` instead. The rule runs on request only.

    Wrong, with `--also no-silencing`:

        # hadolint ignore=DL3006
        FROM python

    Right:

        FROM python:3.12.7
    """

    code = "no-silencing"
    aliases = ("DL1001",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find the comments that silence something."""
        for line, comment in silence.silencing(subject.dockerfile):
            yield Remark(line, line, f"a comment silences rules: {comment.split(REASON)[0].strip()}")


class DescribingComment:
    """A comment right above a stage or an argument describes it, and begins with its name.

    `dockyard build --print outline` shows such descriptions. A comment about something else stands apart by an empty
    line or an empty comment. The rule runs on request only; BuildKit has it as an experiment.

    Wrong, with `--also describing-comment`:

        # the compiler
        FROM golang:1.23 AS build

    Right:

        # build compiles the server
        FROM golang:1.23 AS build
    """

    code = "describing-comment"
    aliases = ("InvalidDefinitionDescription",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look at the comment above each global argument and each stage with a name."""
        for argument in subject.arguments:
            names = [name for name, _ in argument.pairs]
            yield from self._above(subject, argument, names)
        for stage in subject.stages:
            if stage.name:
                yield from self._above(subject, stage.head, [stage.name])

    def _above(self, subject: Subject, instruction: Arg | From, names: list[str]) -> Iterator[Remark]:
        lines = _comment_above(subject, instruction)
        described = any(line.split(" ", 1)[0].lower() == name.lower() for line in lines for name in names)
        if lines and not described:
            yield remark(instruction, f"the comment above does not begin with {' or '.join(names)}")


def _comment_above(subject: Subject, instruction: Instruction) -> list[str]:
    """The comment that touches `instruction`, without directives and without what silences rules."""
    found: list[str] = []
    line = instruction.node.start_line - 1
    silencing = {number for number, _ in silence.silencing(subject.dockerfile)}
    while comment := subject.dockerfile.comments.get(line, ""):
        key = comment.partition("=")[0].strip().lower()
        if line not in silencing and key not in subject.dockerfile.directives:
            found.insert(0, comment)
        line -= 1
    return found


RULES = (NoSilencing, DescribingComment)
