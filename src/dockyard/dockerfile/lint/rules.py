"""Every rule there is, and finding rules by name."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from dockyard.dockerfile.fault import meant
from dockyard.dockerfile.lint import bases, copies, forms, health, installs, names, order, runs, secrets, users
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


FAMILIES = (bases, order, copies, installs, runs, forms, names, users, health, secrets)


def every() -> list[Rule]:
    """All rules, family by family."""
    return [kind() for family in FAMILIES for kind in family.RULES]


def named(words: Iterable[str]) -> set[str]:
    """The codes of the rules that `words` name, by code or by another tool's name, without regard to case.

    Raises:
        RuleUnknownError: there is no such rule; the hint names the nearest.
    """
    known: dict[str, set[str]] = {}
    for rule in every():
        for name in (rule.code, *rule.aliases):
            known.setdefault(name.lower(), set()).add(rule.code)
    found: set[str] = set()
    for word in words:
        if word.lower() not in known:
            raise RuleUnknownError(f"there is no lint rule {word!r}", hint=meant(word.lower(), known))
        found |= known[word.lower()]
    return found


def why(rule: Rule) -> str:
    """The reason for `rule`: the first paragraph of its documentation on one line."""
    return " ".join((type(rule).__doc__ or "").strip().split("\n\n")[0].split())
