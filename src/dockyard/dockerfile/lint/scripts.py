"""The shell scripts in a Dockerfile, for a checker of shell scripts, and where each of their characters stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dockyard.dockerfile.instructions import Arg, Env, Run
from dockyard.dockerfile.lint.dialect import dialect
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.node import Node
from dockyard.dockerfile.parser import continuation
from dockyard.dockerfile.spaces import left_strip
from dockyard.dockerfile.stages import Stage

# Shells that ShellCheck knows, by the name that it has for them. BusyBox's ash is near enough to dash.
_DIALECTS = {"sh": "sh", "bash": "bash", "dash": "dash", "ash": "dash", "ksh": "ksh"}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PREDEFINED = [f"{side}{part}" for side in ("TARGET", "BUILD") for part in ("PLATFORM", "OS", "ARCH", "VARIANT")]
_ONE_WORD = re.compile(r"[\w./:@%+,=-]+|'[\w./:@%+,=-]+'|\"[\w./:@%+,=-]+\"")


@dataclass(frozen=True, slots=True)
class ShellScript:
    """The script of one RUN. Its first line declares what ARG and ENV set; the rest is what the shell gets.

    A variable whose value is surely one word is one there, so that nobody asks for quotes around it; the value of any
    other is unknown.

    `pieces` holds, for the second line of `text`, from which of its columns on (from 0) which line and column of the
    Dockerfile it came from; line `n` of the text after that is line `below + n - 3` of the Dockerfile.
    """

    dialect: str
    text: str
    line: int
    end_line: int
    pieces: tuple[tuple[int, int, int], ...]
    below: int

    def place(self, line: int, column: int) -> tuple[int, int]:
        """The line and column (from 1) in the Dockerfile of a place in `text`, both from 1."""
        if line <= 1:
            return self.line, 1
        if line > 2 or not self.pieces:
            at = self.below + line - (3 if self.pieces else 2)
            return min(at, self.end_line), column
        start, number, first = max(
            (piece for piece in self.pieces if piece[0] <= max(column - 1, 0)), default=self.pieces[0]
        )
        return number, first + max(column - 1 - start, 0) + 1


def scripts(subject: Subject) -> Iterator[ShellScript]:
    """The script of every RUN in shell form whose shell is a POSIX shell, heredocs included."""
    for stage in subject.stages:
        known = dict.fromkeys(_PREDEFINED, True)
        for parent in reversed(subject.lineage(stage)[1:]):
            for each in parent.instructions:
                known |= _declared(each)
        for each in stage.instructions:
            known |= _declared(each)
            if isinstance(each, Run) and each.shell:
                found = _script(subject, stage, each, known)
                if found is not None:
                    yield found


def _declared(instruction: object) -> dict[str, bool]:
    """The variables that `instruction` sets, and whether the value is surely one word."""
    if not isinstance(instruction, Arg | Env):
        return {}
    return {
        name: bool(value and _ONE_WORD.fullmatch(value)) for name, value in instruction.pairs if _NAME.fullmatch(name)
    }


def _head(known: dict[str, bool]) -> str:
    plain = " ".join(f"{name}=x" for name, one in sorted(known.items()) if one)
    other = " ".join(name for name, one in sorted(known.items()) if not one)
    return f"export {plain}" + (f"; read -r {other}" if other else "")


def _script(subject: Subject, stage: Stage, run: Run, known: dict[str, bool]) -> ShellScript | None:
    shell = _DIALECTS.get(dialect(subject, stage, run), "")
    node, text = run.node, run.args[0]
    pieces, below = _pieces(subject, node)
    head = _head(known)
    only = len(run.heredocs) == 1 and re.fullmatch(r"\d*<<-?\s*\S+", text.strip())
    if only:
        body = run.heredocs[0].body
        if body.startswith("#!"):
            program = body[2:].split("\n")[0].split()
            name = (program[-1] if program[:1] == ["/usr/bin/env"] else program[0] if program else "").rsplit("/", 1)[
                -1
            ]
            shell = _DIALECTS.get(name, "")
        return ShellScript(shell, f"{head}\n{body}", node.start_line, node.end_line, (), below) if shell else None
    if not shell:
        return None
    start = node.text.rfind(text)
    moved = tuple((at - start, line, column) for at, line, column in pieces)
    # What stands before the command is of no interest, but the piece that it begins in is.
    first = max((piece for piece in moved if piece[0] <= 0), default=(0, node.start_line, 0))
    kept = ((0, first[1], first[2] - first[0]), *(piece for piece in moved if piece[0] > 0))
    bodies = "".join(f"{heredoc.content}{heredoc.name}\n" for heredoc in run.heredocs)
    return ShellScript(shell, f"{head}\n{text}\n{bodies}", node.start_line, node.end_line, kept, below)


def _pieces(subject: Subject, node: Node) -> tuple[list[tuple[int, int, int]], int]:
    """Where the parts of the logical line come from (offset, line, column from 0), and the line below it."""
    found: list[tuple[int, int, int]] = []
    more = continuation(subject.dockerfile.escape)
    offset = 0
    for number in range(node.start_line, node.end_line + 1):
        line = subject.dockerfile.lines[number - 1]
        bare = left_strip(line)
        if number > node.start_line and (not bare or bare.startswith("#")):
            continue
        column = len(line) - len(bare) if number == node.start_line else 0
        part = line[column:]
        match = more.search(part)
        found.append((offset, number, column))
        if match is None:
            return found, number + 1
        offset += match.end(1) if match[1] else 0
    return found, node.end_line + 1
