"""Changing the commands of a RUN where it stands, and making sure that nothing else changed."""

import itertools
import re
from collections.abc import Callable

from dockyard.dockerfile.instructions import Run, interpret
from dockyard.dockerfile.lint.dialect import POSIX, dialect
from dockyard.dockerfile.lint.script import commands, script, verb
from dockyard.dockerfile.lint.subject import Subject, meant_later
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import Stage
from dockyard.errors import Error

# Longer ones are no work of people, and searching them takes long.
_LONGEST = 20_000
_MOST = 50
_BETWEEN = r"[ \t\\\r\n]+"


def replaced(
    subject: Subject,
    run: Run,
    pattern: str,
    text: str,
    becomes: Callable[[list[str]], list[str]],
    *,
    bare: bool = True,
) -> tuple[str, bool]:
    """The source of `run` with `text` for what `pattern` finds in commands, and whether they all became what they
    shall.

    Args:
        subject: the file.
        run: the RUN.
        pattern: a regular expression.
        text: what takes the place of its matches, as for `re.sub`.
        becomes: what a command shall become.
        bare: whether commands come without `sudo` and its like.

    What the pattern finds elsewhere, like the name of a package, stays. The text is empty where nothing could be put
    in.
    """
    source = subject.source(run.node)
    if len(source) > _LONGEST:
        return "", False
    now = commands(run, bare=bare)
    expected = [becomes(words) for words in now]
    better = re.sub(pattern, text, source)
    if better == source or expected == now:
        return "", False
    if _commands(subject, better, bare=bare) == expected:
        return better, True
    better = source
    for match in reversed([*itertools.islice(re.finditer(pattern, source), _MOST)]):
        tried = f"{better[: match.start()]}{match.expand(text)}{better[match.end() :]}"
        after = _commands(subject, tried, bare=bare)
        changed = [(old, new) for old, new in zip(now, after, strict=False) if old != new]
        if len(after) == len(now) and len(changed) == 1 and becomes(changed[0][0]) == changed[0][1]:
            better, now = tried, after
    return ("", False) if better == source else (better, now == expected)


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

    names = "|".join(map(re.escape, programs))
    actions = "|".join(map(re.escape, verbs))
    flags = rf"(?:{_BETWEEN}-[^\s\\]+)*"
    pattern = rf"(?<![\w./-])(?:{names}){flags}{_BETWEEN}(?:{actions})(?=[ \t\r\n;&|)]|$)"
    return replaced(subject, run, pattern, rf"\g<0> {flag}", inserted)


def renamed(subject: Subject, run: Run, old: str, new: str) -> tuple[str, bool]:
    """The source of `run` with the program `old` called `new`, and whether that is all that changed."""
    pattern = rf"(?<![\w./-]){re.escape(old)}(?=[ \t])"
    return replaced(subject, run, pattern, new, lambda words: [new, *words[1:]] if words[0] == old else words)


def appended(subject: Subject, stage: Stage, run: Run, command: str) -> tuple[str, bool]:
    """The source of `run` with `command` as its last, and whether it surely runs when the others went well."""
    source = subject.source(run.node)
    if not run.shell or run.heredocs:
        return "", False
    # A semicolon at the end has nothing to separate any more.
    source = re.sub(r"(?<!\\);$", "", source.rstrip())
    better = f"{source} && {subject.dockerfile.escape}\n    {command}"
    text = script(run).rstrip()
    plain = (
        subject.dockerfile.escape == "\\"
        and dialect(subject, stage, run) in POSIX
        and not re.search(r"(^|\s)#|<<|\bexec\b|\|\||[\r\n]", text)
        and bool(re.search(r"[\w\"'/.*)}=]$", text))
        and not re.search(r"\\\s*$", source)
    )
    # Behind a comment, for one, it would be no command.
    exact = _commands(subject, better) == [*commands(run), command.split()] and not re.search(r"[|&]$", source)
    return (better, plain) if exact else ("", False)


def rewritten(subject: Subject, source: str) -> Run | None:
    """The RUN that `source` is, or that its ONBUILD holds, in a file with this one's escape character, or None."""
    head = "# escape=`\n" if subject.dockerfile.escape == "`" else ""
    try:
        nodes = parse(f"{head}{source}").nodes
        found = meant_later(interpret(nodes[0]))
    except Error:
        return None
    return found if len(nodes) == 1 and isinstance(found, Run) else None


def _commands(subject: Subject, source: str, *, bare: bool = True) -> list[list[str]]:
    run = rewritten(subject, source)
    return [] if run is None else commands(run, bare=bare)
