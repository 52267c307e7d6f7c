"""Rules about words in which variables are replaced."""

from collections.abc import Iterator

from dockyard.dockerfile.instructions import Instruction
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, meant_later, remark
from dockyard.dockerfile.lint.variables import bodies, texts
from dockyard.dockerfile.shell import ExpansionError, process


class UnsoundExpansion:
    """A brace or a quote that is never closed, or a modifier that does not exist: the build stops at that line.

    That is known only when the build comes there, which may be long after it began. Close it; a dollar sign that is
    meant as one has the escape character before it.

    Wrong:

        EXPOSE ${PORT:-8080

    Right:

        EXPOSE ${PORT:-8080}
    """

    code = "unsound-expansion"
    aliases: tuple[str, ...] = ()
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Read every word as the build would; whether variables are set does not matter."""
        escape = subject.dockerfile.escape
        for argument in subject.arguments:
            yield from _unsound(argument, texts(argument), [], escape)
        for stage in subject.stages:
            yield from _unsound(stage.head, [stage.base, stage.platform], [], escape)
            for each in map(meant_later, stage.instructions):
                yield from _unsound(each, texts(each), bodies(each), escape)


def _unsound(instruction: Instruction, words: list[str], bodies: list[str], escape: str) -> Iterator[Remark]:
    for text, body in [*((word, False) for word in words), *((each, True) for each in bodies)]:
        try:
            process(text, {}, escape, keep_unset=True, skip_quotes=body)
        except ExpansionError as error:
            yield remark(instruction, error.message)
            return


RULES = (UnsoundExpansion,)
