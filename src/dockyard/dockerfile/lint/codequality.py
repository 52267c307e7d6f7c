"""Lint findings as Code Climate's issues, whose smaller part GitLab reads as its code quality report."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dockyard.dockerfile.lint.finding import LintFinding

_SEVERITIES = {"error": "critical", "warning": "major", "info": "minor", "style": "info"}


def codequality(findings: Sequence[tuple[str, LintFinding]]) -> list[dict[str, Any]]:
    """The issues for pairs of a file's name and a finding.

    The fingerprint stays when the finding moves to another line: it covers file, rule and source, and counts equals.
    """
    seen: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    for name, each in findings:
        key = f"{name}\0{each.rule}\0{each.source}"
        seen[key] += 1
        found.append(
            {
                "type": "issue",
                "check_name": each.rule,
                "description": f"{each.message}. {each.why}",
                "categories": ["Security" if "secret" in each.rule or each.rule == "root-user" else "Style"],
                "severity": _SEVERITIES[each.severity],
                "fingerprint": hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:32],
                "location": {"path": name, "lines": {"begin": each.line, "end": each.end_line}},
            }
        )
    return found
