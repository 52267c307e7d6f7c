"""Where a Dockerfile uses variables, and the values that it gives them, as far as they stand in it."""

from dockyard.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    Instruction,
    Label,
    Run,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.shell import ExpansionError, process
from dockyard.dockerfile.stages import Stage


def defaults(subject: Subject, stage: Stage) -> dict[str, str]:
    """What ENV has set in the stages of the file that `stage` is built on."""
    found: dict[str, str] = {}
    for parent in reversed(subject.lineage(stage)[1:]):
        for each in parent.instructions:
            if isinstance(each, Env):
                found |= set_here(each, found)
    return found


def set_here(instruction: Instruction, known: dict[str, str]) -> dict[str, str]:
    """What `instruction` sets, expanded with what is `known`; values that cannot be told are left out."""
    if not isinstance(instruction, Arg | Env):
        return {}
    found: dict[str, str] = {}
    for name, value in instruction.pairs:
        try:
            expansion = process(value or "", known)
        except ExpansionError:
            continue
        # An argument never overrules what ENV has set; one without a default may be anything.
        if value and not expansion.missing and not (isinstance(instruction, Arg) and name in known):
            found[name] = expansion.text
    return found


def texts(instruction: Instruction) -> list[str]:
    """The words of an instruction in which variables are replaced."""
    match instruction:
        case Copy() | Add():
            flags = [instruction.chown, instruction.chmod, instruction.checksum if isinstance(instruction, Add) else ""]
            return [*flags, *instruction.sources, instruction.destination]
        case Run():
            return list(instruction.mount_texts)
        case Arg():
            return [value for _, value in instruction.pairs if value]
        case Env():
            return [value for _, value in instruction.pairs]
        case Label():
            return [text for pair in instruction.pairs for text in pair]
        case Stopsignal():
            return [instruction.signal]
        case Workdir():
            return [instruction.path]
        case User():
            return [instruction.user]
        case Expose():
            return list(instruction.ports)
        case Volume():
            return list(instruction.paths)
    return []


def bodies(instruction: Instruction) -> list[str]:
    """Its heredocs in which variables are replaced; quotes are ordinary characters there."""
    given = instruction.heredocs if isinstance(instruction, Copy | Add) else ()
    return [heredoc.body for heredoc in given if heredoc.expand]
