"""What a rule found: where, what, why, and the better line."""

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
            "severity": self.severity,
            "line": self.line,
            "end_line": self.end_line,
            "message": self.message,
            "why": self.why,
            "better": self.better,
            "source": self.source,
            "fixable": self.fix is not None,
        }


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Whether `severity` is as bad as `threshold` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)
