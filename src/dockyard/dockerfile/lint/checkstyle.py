"""Lint findings as Checkstyle's XML, which most build servers read."""

import re
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from dockyard.dockerfile.lint.finding import LintFinding

# Characters that no XML 1.0 document can hold, however they are written.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# Checkstyle knows no level below info.
_LEVELS = {"style": "info"}


def checkstyle(findings: Sequence[tuple[str, LintFinding]], names: Sequence[str] = ()) -> str:
    """The document for pairs of a file's name and a finding; `names` are of files that stand in it in any case."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', '<checkstyle version="4.3">']
    for name in dict.fromkeys([*names, *(name for name, _ in findings)]):
        parts.append(f"  <file name={attribute(name)}>")
        parts += [
            f'    <error line="{each.line}" column="1" severity="{_LEVELS.get(each.severity, each.severity)}" '
            f"message={attribute(f'{each.message}. {each.why}')} source={attribute(f'dockyard.{each.rule}')}/>"
            for file, each in findings
            if file == name
        ]
        parts.append("  </file>")
    return "\n".join([*parts, "</checkstyle>"])


def attribute(text: str) -> str:
    """`text` as the value of an attribute, with its quotes; what no document can hold is replaced."""
    return quoteattr(_FORBIDDEN.sub("\ufffd", text))
