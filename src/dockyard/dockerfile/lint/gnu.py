"""Lint findings as lines in the form of the GNU Coding Standards, which editors jump to."""

from collections.abc import Sequence

from dockyard.dockerfile.lint.finding import LintFinding


def gnu(findings: Sequence[tuple[str, LintFinding]]) -> str:
    """A line for each pair of a file's name and a finding."""
    return "\n".join(
        f"dockyard:{name}:{each.line}: {each.rule} {each.severity}: {each.message}" for name, each in findings
    )
