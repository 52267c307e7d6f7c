"""Which shell a RUN runs under: SHELL, a comment that names it, or what the base has."""

import re

from dockyard.dockerfile.instructions import Instruction, Shell
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.stages import Stage

POSIX = ("sh", "bash", "dash", "ash", "ksh", "zsh")


def dialect(subject: Subject, stage: Stage, instruction: Instruction) -> str:
    """The name of the shell, in lower case and without folder or `.exe`; `sh` where nothing says otherwise."""
    return command(subject, stage, instruction)[0]


def command(subject: Subject, stage: Stage, instruction: Instruction) -> tuple[str, ...]:
    """The shell and its flags as far as they are known: the name as `dialect` gives it, then SHELL's other words."""
    line = instruction.node.start_line
    if subject.stages[0].head.node.start_line > line:
        return ("sh",)
    windows = re.search(r"windows|nanoserver", subject.root(stage), re.IGNORECASE)
    found: tuple[str, ...] = ("cmd",) if windows else ("sh",)
    first = subject.stages[0].head.node.start_line
    comments = subject.shells
    for at, shell in comments:
        if at < first:
            found = (shell,)
    for parent in reversed(subject.lineage(stage)):
        changes: list[tuple[int, tuple[str, ...]]] = [
            (at, (name,)) for at, name in comments if _start(subject, parent) < at <= _end(parent)
        ]
        changes += [(each.node.start_line, _plain(each)) for each in subject.chosen[parent.number]]
        for at, words in sorted(changes):
            if parent is not stage or at < line:
                found = words
    return found


def _start(subject: Subject, stage: Stage) -> int:
    """The last line before what belongs to `stage`; comments right above its FROM are its own."""
    return _end(subject.stages[stage.number - 1]) if stage.number else stage.head.node.start_line


def _end(stage: Stage) -> int:
    return stage.instructions[-1].node.end_line if stage.instructions else stage.head.node.end_line


def _plain(shell: Shell) -> tuple[str, ...]:
    name, *flags = (re.split(r"[/\\]", word)[-1].lower() if not at else word for at, word in enumerate(shell.args))
    if name == "env" and flags and not flags[0].startswith("-"):
        name, *flags = flags  # `env bash -c`
    return (name.removesuffix(".exe"), *flags)
