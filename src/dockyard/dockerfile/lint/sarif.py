"""Lint findings as SARIF 2.1.0, which code hosts show beside the changed lines."""

from collections.abc import Sequence
from typing import Any

from dockyard.dockerfile.lint.finding import LintFinding, urls
from dockyard.dockerfile.lint.rules import every, why

_LEVELS = {"error": "error", "warning": "warning", "info": "note", "style": "note"}


def sarif(findings: Sequence[tuple[str, LintFinding]], *, version: str) -> dict[str, Any]:
    """The document for pairs of a file's name and a finding."""
    rules = [
        {
            "id": rule.code,
            "shortDescription": {"text": why(rule)},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            "properties": {"aliases": list(rule.aliases), "urls": urls(rule.code, rule.aliases)},
        }
        for rule in every()
    ]
    known = {rule["id"] for rule in rules}
    # What another checker found stands under its own rules, which are not among ours.
    foreign = {finding.rule: finding for _, finding in findings if finding.rule not in known}
    rules += [
        {
            "id": code,
            "shortDescription": {"text": finding.why},
            "defaultConfiguration": {"level": _LEVELS[finding.severity]},
            "properties": {"aliases": list(finding.aliases), "urls": urls(finding.rule, finding.aliases)},
        }
        for code, finding in foreign.items()
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
