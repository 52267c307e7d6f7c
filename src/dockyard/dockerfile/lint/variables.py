"""The values that a Dockerfile gives its variables, as far as they stand in it."""

from dockyard.dockerfile.instructions import Arg, Env, Instruction
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
