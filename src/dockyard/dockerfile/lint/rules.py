"""Every rule there is, and finding rules by name."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from dockyard.dockerfile.fault import meant
from dockyard.dockerfile.lint import (
    advice,
    bases,
    caches,
    comments,
    copies,
    expansions,
    expose,
    forms,
    health,
    installs,
    labels,
    names,
    order,
    origins,
    pins,
    runs,
    secrets,
    tools,
    users,
)
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject
from dockyard.errors import UsageError


class RuleUnknownError(UsageError):
    """No lint rule has the name that was given, neither Dockyard's own nor one of Hadolint or BuildKit."""

    reference = "rule-unknown"
    hint = "docs/lint.md lists the rules with their other names."


class Rule(Protocol):
    """A lint rule: its docstring is its documentation and begins with why it exists."""

    code: str
    aliases: tuple[str, ...]
    severity: Severity

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """What the rule has to say about the file."""
        ...


FAMILIES = (
    bases,
    origins,
    order,
    copies,
    installs,
    caches,
    pins,
    runs,
    tools,
    forms,
    expose,
    names,
    expansions,
    labels,
    users,
    health,
    secrets,
    comments,
    advice,
)
# Rules that run only where somebody asks for them.
ON_REQUEST = ("no-silencing", "describing-comment")
# What others have rules for, and the parser refuses: the file cannot be built at all.
REFUSED = {
    "DL3043": "ONBUILD with ONBUILD, FROM or MAINTAINER in it",
    "DL3061": "another instruction than ARG before the first FROM",
}
# Rules that Hadolint had once, which old files and comments still name.
RETIRED = ("DL1000", "DL3005", "DL3017", "DL3031", "DL3039", "DL4002")
SHELLCHECK = re.compile(r"sc\d{4}|shellcheck")


def every() -> list[Rule]:
    """All rules, family by family."""
    return [kind() for family in FAMILIES for kind in family.RULES]


def named(words: Iterable[str]) -> set[str]:
    """The codes of the rules that `words` name, by code or by another tool's name, without regard to case.

    `SC2086` and the like are ShellCheck's, `shellcheck` all of them.

    Raises:
        RuleUnknownError: there is no such rule; the hint names the nearest.
    """
    known: dict[str, set[str]] = {}
    for rule in every():
        for name in (rule.code, *rule.aliases):
            known.setdefault(name.lower(), set()).add(rule.code)
    for name in (*REFUSED, *RETIRED):
        known[name.lower()] = set()
    found: set[str] = set()
    for word in words:
        if SHELLCHECK.fullmatch(word.lower()):
            found.add(word.upper() if word[2:].isdigit() else "shellcheck")
        elif word.lower() not in known:
            raise RuleUnknownError(f"there is no lint rule {word!r}", hint=meant(word.lower(), known))
        else:
            # A name without a rule of ours stands for itself, so that asking for it alone runs nothing.
            found |= known[word.lower()] or {word.upper()}
    return found


def why(rule: Rule) -> str:
    """The reason for `rule`: the first paragraph of its documentation on one line."""
    return " ".join((type(rule).__doc__ or "").strip().split("\n\n")[0].split())
