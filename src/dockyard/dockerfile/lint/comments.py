"""Rules about comments. Two run only on request: with `--also`, or by the check directive's `experimental`."""

from collections.abc import Iterator

from dockyard.dockerfile.fault import nearest
from dockyard.dockerfile.instructions import Arg, From, Instruction
from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.silence import REASON
from dockyard.dockerfile.lint.subject import Subject, remark


class NoSilencing:
    """A comment silences a rule, where your settings want every exception to stand in one place.

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


class CheckDirective:
    """The directive `# check=…` has a part that no builder takes, and the build stops there.

    Its parts are `skip=`, `experimental=` and `error=true` or `false`, with `;` between them.

    Wrong:

        # check=skip=StageNameCasing,error=true;exprimental=all
        FROM debian:12.8

    Right:

        # check=skip=StageNameCasing;error=true
        FROM debian:12.8
    """

    code = "check-directive"
    aliases = ()
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Read the directive at the top of the file."""
        text = subject.dockerfile.directives.get("check", "")
        line = next((at for at, comment in subject.dockerfile.comments.items() if comment.endswith(text)), 1)
        for part in text.split(";", 2) if text else ():
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or key not in ("skip", "experimental", "error"):
                near = nearest(key, ("skip", "experimental", "error"))
                hint = f"; did you mean {near}?" if near and near != key else ""
                yield Remark(line, line, f"the directive check has the unknown part {part.strip()!r}{hint}")
            elif key == "error" and value not in _TRUE + _FALSE:
                yield Remark(line, line, f"error is true or false, not {value!r}")


_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


class DescribingComment:
    """A comment right above a stage or an argument describes it, and begins with its name.

    `dockyard build --print outline` shows such descriptions. A comment about something else stands apart by an empty
    comment (`#`); an empty line is not enough. The rule runs on request only; BuildKit has it as an experiment.

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
        for argument in (*subject.arguments, *(each for _, each in subject.every(Arg))):
            if isinstance(argument, Arg) and argument.node.keyword == "arg":
                names = [name for name, _ in argument.pairs]
                yield from self._above(subject, argument, names)
        for stage in subject.stages:
            if stage.name:
                yield from self._above(subject, stage.head, [stage.name])

    def _above(self, subject: Subject, instruction: Arg | From, names: list[str]) -> Iterator[Remark]:
        lines = _comment_above(subject, instruction)
        described = bool(lines) and lines[-1].split(" ", 1)[0] in names
        if lines and not described:
            yield remark(instruction, f"the comment above does not begin with {' or '.join(names)}")


def _comment_above(subject: Subject, instruction: Instruction) -> list[str]:
    """The comment above `instruction` since the last empty one, without directives and without what silences rules."""
    silencing = {comment for _, comment in silence.silencing(subject.dockerfile)}
    directives = subject.dockerfile.directives
    return [
        comment
        for comment in instruction.node.comments
        if comment not in silencing and comment.partition("=")[0].strip().lower() not in directives
    ]


RULES = (NoSilencing, CheckDirective, DescribingComment)
