"""Findings as SARIF 2.1.0, one result a finding, with fingerprints that stay the same from run to run."""

import hashlib
from collections.abc import Sequence
from typing import Any

from dockyard import __version__
from dockyard.scan.match import Finding

_LEVELS = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning"}
_SCORES = {"CRITICAL": "9.5", "HIGH": "8.0", "MEDIUM": "5.5", "LOW": "2.0"}


def document(findings: Sequence[Finding], *, image: str, snapshot: str) -> dict[str, Any]:
    """The SARIF document for the findings of `image` against the feed `snapshot`."""
    rules = {each.id: each for each in findings}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dockyard",
                        "version": __version__,
                        "rules": [_rule(rules[i]) for i in sorted(rules)],
                    }
                },
                "properties": {"image": image, "feed": snapshot},
                "results": [_result(each) for each in findings],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "shortDescription": {"text": finding.title or finding.id},
        "properties": {"security-severity": _SCORES.get(finding.severity, "0.0"), "tags": ["vulnerability"]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    fix = f"fixed in {finding.fixed_version}" if finding.fixed_version else finding.status
    text = f"{finding.package} {finding.version} ({finding.range}, {finding.source}): {finding.id}, {fix}"
    mark = hashlib.sha256(f"{finding.id} {finding.purl}".encode()).hexdigest()
    return {
        "ruleId": finding.id,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": text},
        "partialFingerprints": {"vulnerability/v1": mark},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": finding.path or "image"}},
                "logicalLocations": [{"fullyQualifiedName": finding.layer}],
            }
        ],
    }
