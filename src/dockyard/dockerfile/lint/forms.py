"""Rules about how instructions are written."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

from dockyard.dockerfile.instructions import (
    Cmd,
    Command,
    Entrypoint,
    Env,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Shell,
)
from dockyard.dockerfile.lint.dialect import POSIX, dialect
from dockyard.dockerfile.lint.finding import Fix, Remark, Severity
from dockyard.dockerfile.lint.shellwords import RESERVED, read
from dockyard.dockerfile.lint.subject import Subject, remark


class ShellForm:
    """A shell form runs under `/bin/sh -c`, which does not pass signals on.

    The program is not process 1, so `stop` waits out its grace period and kills it in the middle of its work; and an
    ENTRYPOINT in shell form ignores CMD and the arguments of `run`. Write a JSON array. As in BuildKit, who chose a
    SHELL is taken to mean it, and HEALTHCHECK is left alone, as its command is asked and not stopped.

    Wrong:

        ENTRYPOINT ./server --port 8080

    Right:

        ENTRYPOINT ["./server", "--port", "8080"]
    """

    code = "shell-form"
    aliases = ("DL3025", "JSONArgsRecommended")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find CMD and ENTRYPOINT in shell form, unless the stage chose its shell."""
        for stage in subject.stages:
            above = [each for parent in subject.lineage(stage)[1:] for each in parent.instructions]
            chosen = any(isinstance(each, Shell) for each in above)
            for each in stage.instructions:
                chosen = chosen or isinstance(each, Shell)
                if isinstance(each, Cmd | Entrypoint) and each.shell and each.args and not chosen:
                    posix = dialect(subject, stage, each) in POSIX
                    better = self._better(each) if posix else ""
                    yield remark(each, f"{each.node.keyword.upper()} in shell form", better)

    def _better(self, command: Command) -> str:
        text = command.args[0].strip()
        keyword = command.node.keyword.upper()
        if text.startswith("[") or re.search(r"(?:^|\s)#", text):
            return ""  # meant to be JSON, and is not: nobody can tell what was meant; a comment is no argument
        # What stands in quotes means itself, but for what a shell replaces in double ones.
        plain = not re.search(r"[$;&|<>()`*?~]", re.sub(r"'[^']*'|\"[^\"$`\\]*\"", "", text))
        line = _with_exec(text)
        if not line:
            return ""
        if not plain:
            return f'{keyword} ["/bin/sh", "-c", {json.dumps(line, ensure_ascii=False)}]'
        try:
            words = shlex.split(line.removeprefix("exec"))
        except ValueError:
            return ""
        return f"{keyword} {json.dumps(words, ensure_ascii=False)}"


_LAST = re.compile(r"(.*(?:&&|;)\s*)?((?:[^;&|]|>&|&>)+)", re.DOTALL)
# What only a shell can do, or what begins a construct of its own.
_INSIDE = RESERVED | {"cd", ".", "source", "export", "eval", "set", "trap", "ulimit", "umask", "unset", "wait", "exit"}


def _with_exec(text: str) -> str:
    """`text` with `exec` before the program that it ends with, or nothing where there is no such program."""
    found = _LAST.fullmatch(text)
    # In quotes a semicolon separates nothing.
    start, last = (found[1] or "", found[2]) if found and len(read(text).commands) > 1 else ("", text)
    words = last.split(None, 1)
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "", text)
    if re.search(r"(?<![&>])&(?![&>])|\|", bare):
        return ""  # pipes, alternatives and what runs in the background
    if not words or re.search(r"\b(?:if|for|while|until|case|do|then)\b|[{(]", start):
        return ""
    if words[0] == "exec":
        return text
    assigned = re.match(r"[A-Za-z_]\w*=", words[0]) is not None
    if words[0] in _INSIDE:
        return ""
    added = ["exec", "env"] if assigned else ["exec"]
    line = f"{start}{' '.join(added)} {last}"
    before, after = read(text), read(line)
    changed = [(old, new) for old, new in zip(before.commands, after.commands, strict=False) if old != new]
    exact = len(before.commands) == len(after.commands) and len(changed) == 1
    return line if exact and changed[0][1] == [*added, *changed[0][0]] else ""


def _undone(subject: Subject, kind: type[Instruction]) -> Iterator[Remark]:
    for stage in subject.stages:
        found = [each for each in stage.instructions if isinstance(each, kind)]
        for each, after in pairwise(found):
            last, partner = found[-1].node.start_line, after.node.start_line
            yield remark(each, f"line {last} undoes this {each.node.keyword.upper()}", partner=partner)


class OnlyOneCmd:
    """Of several CMDs in one stage only the last has any effect.

    The others mislead the reader, who may think that all of them run.

    Wrong:

        CMD ["./migrate"]
        CMD ["./server"]

    Right:

        CMD ["./server"]
    """

    code = "only-one-cmd"
    aliases = ("DL4003", "MultipleInstructionsDisallowed", "only-last-counts")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find those that a later one undoes."""
        yield from _undone(subject, Cmd)


class OnlyOneEntrypoint:
    """Of several ENTRYPOINTs in one stage only the last has any effect.

    The others mislead the reader. Where two programs have to run, run two containers.

    Wrong:

        ENTRYPOINT ["./proxy"]
        ENTRYPOINT ["./server"]

    Right:

        ENTRYPOINT ["./server"]
    """

    code = "only-one-entrypoint"
    aliases = ("DL4004", "MultipleInstructionsDisallowed", "only-last-counts")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find those that a later one undoes."""
        yield from _undone(subject, Entrypoint)


class OnlyOneHealthcheck:
    """Of several HEALTHCHECKs in one stage only the last has any effect.

    The others are never asked. A check that looks at two things is one command.

    Wrong:

        HEALTHCHECK CMD ["./server", "--check"]
        HEALTHCHECK CMD ["./disk", "--check"]

    Right:

        HEALTHCHECK CMD ["./server", "--check", "--disk"]
    """

    code = "only-one-healthcheck"
    aliases = ("DL3012", "MultipleInstructionsDisallowed", "only-last-counts")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find those that a later one undoes."""
        yield from _undone(subject, Healthcheck)


class LegacyPair:
    """The form without an equals sign takes the whole rest of the line as one value.

    It cannot set two variables and reads like something else; it is deprecated.

    Wrong:

        ENV PORT 8080

    Right:

        ENV PORT=8080
    """

    code = "legacy-pair"
    aliases = ("LegacyKeyValueFormat",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ENV and LABEL without an equals sign."""
        for stage in subject.stages:
            for each in stage.instructions:
                if isinstance(each, Env | Label) and each.legacy:
                    name, value = each.pairs[0]
                    shown = value if re.fullmatch(r"[^\s\"'\\]*", value) or value[:1] in "\"'" else f'"{value}"'
                    # Quotes and escapes mean different things in the two forms; a name may not.
                    plain = not re.search(r"[\"'\\`\s]", name) and not re.search(r"[\"'\\`\t]", value)
                    yield remark(
                        each,
                        f"{name} is set without =",
                        f"{_indent(subject, each)}{each.node.spelled} {name}={shown}",
                        fix=plain and bool(value) and each.node.start_line == each.node.end_line,
                    )


class MaintainerDeprecated:
    """MAINTAINER is deprecated: a label can be read by every tool.

    Wrong:

        MAINTAINER Ada <ada@example.org>

    Right:

        LABEL org.opencontainers.image.authors="Ada <ada@example.org>"
    """

    code = "maintainer"
    aliases = ("DL4000", "MaintainerDeprecated")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find MAINTAINER."""
        for _, each in subject.every(Maintainer):
            name = each.name.strip("\"'").replace('"', "'")
            word = "LABEL" if each.node.spelled.isupper() else "label"
            better = f'{_indent(subject, each)}{word} org.opencontainers.image.authors="{name}"'
            yield remark(each, "MAINTAINER is deprecated", better, fix=not re.search(r"[\"'$\\`]", each.name))


class KeywordCasing:
    """Keywords in mixed case make a file harder to read than keywords in one.

    Wrong:

        FROM alpine:3.20
        run apk add --no-cache curl

    Right:

        FROM alpine:3.20
        RUN apk add --no-cache curl
    """

    code = "keyword-casing"
    aliases = ("ConsistentInstructionCasing",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find keywords whose case differs from that of most."""
        first = subject.stages[0].head.node.start_line
        nodes = [node for node in subject.dockerfile.nodes if node.start_line >= first]
        upper = sum(node.spelled.isupper() for node in nodes) >= sum(node.spelled.islower() for node in nodes)
        for node in nodes:
            wanted = node.keyword.upper() if upper else node.keyword
            if node.spelled != wanted:
                better = subject.source(node).replace(node.spelled, wanted, 1)
                yield Remark(
                    node.start_line,
                    node.end_line,
                    f"{node.spelled} where others are like {wanted}",
                    better,
                    fix=Fix(node.start_line, node.end_line, better),
                )


class AsCasing:
    """FROM and AS in different case look like a slip.

    Where FROM itself is in mixed case, that is told instead.

    Wrong:

        FROM alpine:3.20 as build

    Right:

        FROM alpine:3.20 AS build
    """

    code = "as-casing"
    aliases = ("FromAsCasing", "keyword-casing")
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find AS in another case than its FROM."""
        for stage in subject.stages:
            node = stage.head.node
            if not (node.spelled.isupper() or node.spelled.islower()):
                continue
            if len(node.args) == 3 and node.args[1] != (word := "AS" if node.spelled.isupper() else "as"):
                source = subject.source(node)
                pattern = rf"(?<=\s){node.args[1]}(?=\s+{re.escape(node.args[2])}\s*$)"
                better = re.sub(pattern, word, source)
                yield remark(
                    stage.head, f"{node.spelled} and {node.args[1]} differ in case", better, fix=better != source
                )


class EmptyContinuation:
    r"""An empty line inside a continued instruction is tolerated, and will become an error.

    It is mostly a sign that a backslash is too many, and the next instruction is swallowed. The lines that are shown
    are the empty ones; BuildKit shows the instruction's last.

    Wrong:

        RUN apk add --no-cache \

            curl

    Right:

        RUN apk add --no-cache \
            curl
    """

    code = "empty-continuation"
    aliases = ("NoEmptyContinuation",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find empty lines inside instructions."""
        for node in subject.dockerfile.nodes:
            if node.gaps:
                lines = subject.source(node).split("\n")
                better = "\n".join(line for line in lines if line.strip())
                yield Remark(
                    node.gaps[0],
                    node.gaps[-1],
                    f"an empty line inside {node.keyword.upper()}",
                    better,
                    # An empty line of a heredoc is none of these: it is content.
                    fix=None if node.heredocs else Fix(node.start_line, node.end_line, better),
                )


def _indent(subject: Subject, instruction: Instruction) -> str:
    return re.match(r"\s*", subject.source(instruction.node))[0]  # type: ignore[index]  # it matches nothing, too


RULES = (
    ShellForm,
    OnlyOneCmd,
    OnlyOneEntrypoint,
    OnlyOneHealthcheck,
    LegacyPair,
    MaintainerDeprecated,
    KeywordCasing,
    AsCasing,
    EmptyContinuation,
)
