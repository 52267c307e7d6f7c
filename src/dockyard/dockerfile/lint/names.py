"""Rules about the names of stages and variables."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.fault import nearest
from dockyard.dockerfile.instructions import Arg, Env, Instruction
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.lint.variables import bodies, texts
from dockyard.dockerfile.shell import ExpansionError, process
from dockyard.dockerfile.stages import Stage

# What BuildKit sets itself where the base does not; HOME and the proxies' names are there in a RUN only.
_ALWAYS = {"PATH"}


class DuplicateStage:
    """Two stages of one name: which one a later line means depends on where it stands.

    Wrong:

        FROM alpine:3.20 AS build
        FROM debian:12.8 AS build

    Right:

        FROM alpine:3.20 AS build-alpine
        FROM debian:12.8 AS build-debian
    """

    code = "duplicate-stage"
    aliases = ("DL3024", "DuplicateStageName")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find names that come twice."""
        seen: dict[str, int] = {}
        for stage in subject.stages:
            if stage.name in seen:
                yield remark(stage.head, f"line {seen[stage.name]} has a stage {stage.name} already")
            elif stage.name:
                seen[stage.name] = stage.head.node.start_line


class ReservedStage:
    """`scratch` and `context` have a meaning of their own and cannot name a stage.

    Wrong:

        FROM alpine:3.20 AS scratch

    Right:

        FROM alpine:3.20 AS tools
    """

    code = "reserved-stage"
    aliases = ("DL3063", "ReservedStageName")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find reserved names."""
        for stage in subject.stages:
            if stage.name in ("scratch", "context"):
                yield remark(stage.head, f"{stage.name} cannot name a stage")


class StageCasing:
    """Stage names are compared without regard to case; in lower case they look like what they are.

    Wrong:

        FROM alpine:3.20 AS Build

    Right:

        FROM alpine:3.20 AS build
    """

    code = "stage-casing"
    aliases = ("StageNameCasing",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find names with capitals."""
        for stage in subject.stages:
            written = stage.head.node.args[-1]
            if stage.name and written != stage.name:
                source = subject.source(stage.head.node)
                better = re.sub(rf"(?<=\s){re.escape(written)}(?=\s*$)", stage.name, source)
                yield remark(stage.head, f"the stage {written} has capitals in its name", better, fix=better != source)


class UndefinedVariable:
    """A variable that nothing declares is empty, without a word.

    The rule speaks where a declared name is so near that it must have been meant, and of every other name where it is
    known what the base sets: of a stage on `scratch`, and on a base that lies in the store. A variable that brings
    its own default (`${NAME:-…}`) is left alone, other than in BuildKit, which fetches bases to know.

    Wrong:

        ENV APP_HOME=/srv
        WORKDIR $APP_HOM

    Right:

        ENV APP_HOME=/srv
        WORKDIR $APP_HOME
    """

    code = "undefined-variable"
    aliases = ("UndefinedVar",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Follow the declarations through each stage."""
        for stage in subject.stages:
            lineage = subject.lineage(stage)
            theirs = subject.options.variables.get(lineage[-1].base)
            known = _ALWAYS | set(theirs or ())
            for parent in lineage[1:]:
                for each in parent.instructions:
                    known |= _declared(each)
            empty = subject.root(stage) == "scratch" or theirs is not None
            for each in stage.instructions:
                yield from self._missing(subject, each, known, empty=empty)
                known |= _declared(each)

    def _missing(self, subject: Subject, instruction: Instruction, known: set[str], *, empty: bool) -> Iterator[Remark]:
        found: dict[str, None] = {}
        for text, before in _texts(instruction):
            try:
                missing = process(text, dict.fromkeys(known.union(before), "x"), subject.dockerfile.escape).missing
            except ExpansionError:  # the build refuses it
                continue
            for name in sorted(missing):
                if name[:1].isalpha() and not re.search(rf"\$\{{{re.escape(name)}:?[-+?]", text):
                    found[name] = None
        for name in found:
            # Where the base may have set it, only a slip of the pen tells.
            near = nearest(name, known - _ALWAYS, least=0.6 if empty else 0.85)
            if near or empty:
                better = re.sub(rf"(\$\{{?){re.escape(name)}\b", rf"\g<1>{near}", subject.source(instruction.node))
                hint = f"; did you mean {near}?" if near else ""
                yield remark(instruction, f"nothing declares {name}{hint}", better if near else "")


def _declared(instruction: Instruction) -> set[str]:
    return {name for name, _ in instruction.pairs} if isinstance(instruction, Arg | Env) else set()


def _texts(instruction: Instruction) -> list[tuple[str, list[str]]]:
    """What is expanded, each with the names that the instruction has declared until then."""
    if isinstance(instruction, Arg):
        names = [name for name, _ in instruction.pairs]
        return [(value, names[:number]) for number, (_, value) in enumerate(instruction.pairs) if value]
    return [(text, []) for text in (*texts(instruction), *bodies(instruction))]


class SelfReference:
    """One ENV sees the environment as it was before the line, so a name it sets itself has its old value.

    What the base may have set, like PATH, counts as not set: the old value is hardly meant.

    Wrong:

        ENV ROOT=/srv DATA=$ROOT/data

    Right:

        ENV ROOT=/srv
        ENV DATA=$ROOT/data
    """

    code = "env-self-reference"
    aliases = ("DL3044",)
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ENVs that use a variable they set, which nothing above has set."""
        for stage in subject.stages:
            known = self._inherited(subject, stage)
            for each in stage.instructions:
                if isinstance(each, Env):
                    names = [name for name, _ in each.pairs]
                    for name, value in each.pairs:
                        try:
                            used = process(value, {}).missing
                        except ExpansionError:
                            continue
                        for other in names:
                            if other != name and other in used and other not in known:
                                yield remark(each, f"{name} uses {other}, which this line only sets")
                known |= _declared(each)

    def _inherited(self, subject: Subject, stage: Stage) -> set[str]:
        known: set[str] = set()
        for parent in subject.lineage(stage)[1:]:
            for each in parent.instructions:
                known |= _declared(each)
        return known


RULES = (DuplicateStage, ReservedStage, StageCasing, UndefinedVariable, SelfReference)
