"""What a rule found: where, what, why, and the better line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info", "style"]
SEVERITIES: tuple[Severity, ...] = ("style", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Fix:
    """`text` in the place of the lines `first` to `last`; no text at all removes them."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule says about some lines (from 1). `better` is the rewritten text, empty where no text can be given.

    `severity` replaces the rule's own where this case is worse or less bad than others. `fix` is there where the text
    can be put in by a program: it changes what was found and nothing else. A comment that silences the rule may also
    stand at the instruction on the line `partner`.
    """

    line: int
    end_line: int
    message: str
    better: str = ""
    severity: Severity | None = None
    fix: Fix | None = None
    partner: int = 0


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One finding. `source` is the text of its lines; `aliases` are the rule's names in Hadolint and BuildKit."""

    rule: str
    severity: Severity
    line: int
    end_line: int
    message: str
    why: str
    better: str
    source: str
    aliases: tuple[str, ...]
    fix: Fix | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return {
            "rule": self.rule,
            "aliases": list(self.aliases),
            "urls": urls(self.rule, self.aliases),
            "severity": self.severity,
            "line": self.line,
            "end_line": self.end_line,
            "message": self.message,
            "why": self.why,
            "better": self.better,
            "source": self.source,
            "fixable": self.fix is not None,
        }


def urls(rule: str, aliases: Sequence[str]) -> list[str]:
    """Where BuildKit, Hadolint and ShellCheck describe what they have for a rule."""
    found: list[str] = []
    for name in (*aliases, rule):
        if re.fullmatch(r"DL\d{4}", name):
            found.append(f"https://github.com/hadolint/hadolint/wiki/{name}")
        elif re.fullmatch(r"SC\d{4}", name):
            found.append(f"https://www.shellcheck.net/wiki/{name}")
        elif re.fullmatch("([A-Z]+[a-z]*)+", name) and name != "InvalidBaseImagePlatform":  # the one without a page
            words = re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
            found.append(f"https://docs.docker.com/go/dockerfile/rule/{words}/")
    return found


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Whether `severity` is as bad as `threshold` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)
