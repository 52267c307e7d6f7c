"""Lint findings as SARIF 2.1.0, which code hosts show beside the changed lines."""

from collections.abc import Sequence
from typing import Any

from dockyard.dockerfile.lint.finding import LintFinding
from dockyard.dockerfile.lint.rules import every, why

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif(findings: Sequence[tuple[str, LintFinding]], *, version: str) -> dict[str, Any]:
    """The document for pairs of a file's name and a finding."""
    rules = [
        {
            "id": rule.code,
            "shortDescription": {"text": why(rule)},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            "properties": {"aliases": list(rule.aliases)},
        }
        for rule in every()
    ]
    order = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": order[finding.rule],
            "level": _LEVELS[finding.severity],
            "message": {"text": f"{finding.message}. {finding.why}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": name},
                        "region": {"startLine": finding.line, "endLine": finding.end_line},
                    }
                }
            ],
        }
        for name, finding in findings
    ]
    driver = {"name": "dockyard", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }
