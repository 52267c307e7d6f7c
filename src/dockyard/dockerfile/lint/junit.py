"""Lint findings as JUnit's XML, which build servers show as failed tests."""

from collections.abc import Sequence

from dockyard.dockerfile.lint.checkstyle import attribute
from dockyard.dockerfile.lint.finding import LintFinding


def junit(findings: Sequence[tuple[str, LintFinding]]) -> str:
    """The document for pairs of a file's name and a finding: a failed case for each."""
    count = len(findings)
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    parts.append(f'<testsuites name="dockyard lint" tests="{count}" failures="{count}">')
    parts.append(f'  <testsuite name="dockyard lint" tests="{count}" failures="{count}" errors="0">')
    for name, each in findings:
        place = attribute(f"{name}:{each.line}")
        message = attribute(f"{each.message}. {each.why}")
        parts.append(f"    <testcase classname={attribute(each.rule)} name={place}>")
        parts.append(f'      <failure type="{each.severity}" message={message}/>')
        parts.append("    </testcase>")
    return "\n".join([*parts, "  </testsuite>", "</testsuites>"])
