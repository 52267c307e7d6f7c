"""Changing the commands of a RUN where it stands, and making sure that nothing else changed."""

import re

from dockyard.dockerfile.instructions import Run, interpret
from dockyard.dockerfile.lint.dialect import POSIX, dialect
from dockyard.dockerfile.lint.script import commands, script, verb
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import Stage
from dockyard.errors import Error

# Longer ones are no work of people, and searching them takes long.
_LONGEST = 20_000
_BETWEEN = r"[ \t\\\r\n]+"


def flagged(
    subject: Subject, run: Run, programs: tuple[str, ...], verbs: tuple[str, ...], flag: str
) -> tuple[str, bool]:
    """The source of `run` with `flag` behind each of `verbs` of `programs` that lacks it, and whether that is all.

    The text is empty where nothing could be put in.
    """

    def inserted(words: list[str]) -> list[str]:
        start = 2 if words[0].startswith("python") and words[1:2] == ["-m"] else 0
        called = words[start:]
        if not called or called[0] not in programs or verb(called) not in verbs or flag in called:
            return words
        at = start + called.index(verb(called)) + 1
        return [*words[:at], flag, *words[at:]]

    before = commands(run)
    names = "|".join(map(re.escape, programs))
    actions = "|".join(map(re.escape, verbs))
    flags = rf"(?:{_BETWEEN}-[^\s\\]+)*"
    pattern = rf"(?<![\w./-])(?:{names}){flags}{_BETWEEN}(?:{actions})(?=[ \t\r\n;&|)]|$)(?![^;&|\n]*{re.escape(flag)})"
    source = subject.source(run.node)[: _LONGEST + 1]
    if len(source) > _LONGEST:
        return "", False
    better = re.sub(pattern, lambda match: f"{match[0]} {flag}", source)
    if better == source:
        return "", False
    return better, _commands(subject, better) == [inserted(words) for words in before]


def renamed(subject: Subject, run: Run, old: str, new: str) -> tuple[str, bool]:
    """The source of `run` with the program `old` called `new`, and whether that is all that changed."""
    source = subject.source(run.node)
    better = re.sub(rf"(?<![\w./-]){re.escape(old)}(?=[ \t])", new, source)
    expected = [[new, *words[1:]] if words[0] == old else words for words in commands(run)]
    return ("", False) if better == source else (better, _commands(subject, better) == expected)


def appended(subject: Subject, stage: Stage, run: Run, command: str) -> tuple[str, bool]:
    """The source of `run` with `command` as its last, and whether it surely runs when the others went well."""
    source = subject.source(run.node)
    if not run.shell or run.heredocs:
        return "", False
    better = f"{source.rstrip()} && {subject.dockerfile.escape}\n    {command}"
    text = script(run).rstrip()
    plain = (
        subject.dockerfile.escape == "\\"
        and dialect(subject, stage, run) in POSIX
        and not re.search(r"(^|\s)#|<<|\bexec\b|\|\||[\r\n]", text)
        and bool(re.search(r"[\w\"'/.*)}=]$", text))
        and not re.search(r"\\\s*$", source)
    )
    return better, plain and _commands(subject, better) == [*commands(run), command.split()]


def rewritten(subject: Subject, source: str) -> Run | None:
    """The RUN that `source` is in a file with this one's escape character, or None."""
    head = "# escape=`\n" if subject.dockerfile.escape == "`" else ""
    try:
        nodes = parse(f"{head}{source}").nodes
        found = interpret(nodes[0])
    except Error:
        return None
    return found if len(nodes) == 1 and isinstance(found, Run) else None


def _commands(subject: Subject, source: str) -> list[list[str]]:
    run = rewritten(subject, source)
    return [] if run is None else commands(run)
