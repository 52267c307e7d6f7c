"""Lint findings as SonarQube's generic issues, and as Codacy's results."""

import json
from collections.abc import Sequence
from typing import Any

from dockyard.dockerfile.lint.finding import LintFinding

_SEVERITIES = {"error": "CRITICAL", "warning": "MAJOR", "info": "MINOR", "style": "INFO"}


def sonarqube(findings: Sequence[tuple[str, LintFinding]]) -> dict[str, Any]:
    """The document for pairs of a file's name and a finding."""
    return {
        "issues": [
            {
                "engineId": "Dockyard",
                "ruleId": each.rule,
                "severity": _SEVERITIES[each.severity],
                "type": "BUG" if each.severity == "error" else "CODE_SMELL",
                "primaryLocation": {
                    "filePath": name,
                    "message": f"{each.message}. {each.why}",
                    "textRange": {"startLine": each.line, "endLine": each.end_line},
                },
            }
            for name, each in findings
        ]
    }


def codacy(findings: Sequence[tuple[str, LintFinding]]) -> str:
    """A JSON document on a line of its own for each pair of a file's name and a finding."""
    return "\n".join(
        json.dumps(
            {"filename": name, "line": each.line, "message": each.message, "patternId": each.rule}, ensure_ascii=False
        )
        for name, each in findings
    )
