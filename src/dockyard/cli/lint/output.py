"""Lint findings as text for people, and in the formats that other programs read."""

import json as json_module
from collections.abc import Sequence

from dockyard import __version__
from dockyard.dockerfile.lint.finding import LintFinding

_COLORS = {"error": "\x1b[31m", "warning": "\x1b[33m", "info": "\x1b[36m", "style": "\x1b[34m"}
_DIM, _BOLD, _OFF = "\x1b[2m", "\x1b[1m", "\x1b[0m"


def foreign(format: str, pairs: Sequence[tuple[str, LintFinding]], names: Sequence[str]) -> str:
    """Pairs of a file's name and a finding as another program wants them; `names` are those of all files."""
    if format == "gnu":
        from dockyard.dockerfile.lint.gnu import gnu

        return gnu(pairs)
    if format == "junit":
        from dockyard.dockerfile.lint.junit import junit

        return junit(pairs)
    if format in ("sonarqube", "codacy"):
        from dockyard.dockerfile.lint import sonarqube

        if format == "codacy":
            return sonarqube.codacy(pairs)
        return json_module.dumps(sonarqube.sonarqube(pairs), indent=2, ensure_ascii=False)
    if format == "checkstyle":
        from dockyard.dockerfile.lint.checkstyle import checkstyle

        return checkstyle(pairs, names)
    if format == "sarif":
        from dockyard.dockerfile.lint.sarif import sarif

        return json_module.dumps(sarif(pairs, version=__version__), indent=2, ensure_ascii=False)
    from dockyard.dockerfile.lint.codequality import codequality

    return json_module.dumps(codequality(pairs), indent=2, ensure_ascii=False)


def text(name: str, findings: Sequence[LintFinding], *, color: bool) -> str:
    """The findings as compilers print theirs: place, severity, the line itself, why, and the better line."""
    dim, bold, off = (_DIM, _BOLD, _OFF) if color else ("", "", "")
    parts: list[str] = []
    for each in findings:
        tint = _COLORS[each.severity] if color else ""
        parts.append(f"{bold}{name}:{each.line}:{off} {tint}{each.severity}[{each.rule}]{off}: {each.message}")
        for number, line in enumerate(each.source.split("\n")[:6], each.line):
            parts.append(f"  {dim}{number:>4} |{off} {line}")
        if each.source.count("\n") > 5:
            parts.append(f"  {dim}     | …{off}")
        parts.append(f"  {dim}why:{off} {each.why}")
        if each.better:
            head, *rest = each.better.split("\n")
            parts.append(f"  {dim}better:{off} {head}")
            parts += [f"          {line}" for line in rest]
        parts.append("")
    counts = {kind: sum(each.severity == kind for each in findings) for kind in ("error", "warning", "info", "style")}
    if not findings:
        return f"{name}: nothing to find fault with"
    parts.append(
        ", ".join(
            f"{count} {kind}{'s' if count != 1 and kind in ('error', 'warning') else ''}"
            for kind, count in counts.items()
            if count or kind != "style"
        )
    )
    return "\n".join(parts)
