"""Putting in what a program can put right, and leaving every other byte as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dockyard.dockerfile.lint.finding import Fix, LintFinding
from dockyard.dockerfile.node import Dockerfile
from dockyard.dockerfile.parser import parse
from dockyard.errors import Error

_PASSES = 50
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The file with its fixes, and the findings that they answer, in the order in which they were put in."""

    raw: bytes
    changes: tuple[LintFinding, ...]


def fix(raw: bytes, judge: Callable[[Dockerfile], list[LintFinding]]) -> Fixed:
    """`raw` with the fixes of what `judge` finds; line ends and bytes that are not UTF-8 stay as they are.

    A fix counts only where the file still can be understood after it and fewer findings with a fix are left than
    before: so this ends, and doing it again changes nothing.

    Raises:
        DockerfileInvalidError: the file cannot be understood to begin with.
    """
    changes: list[LintFinding] = []
    findings = _fixable(judge(parse(raw)))
    for _ in range(_PASSES):
        batch = _apart(findings)
        tried = _tried(raw, batch, judge, len(findings))
        if tried is None:
            # Together they spoil something: one by one, the first that does good.
            for each in findings:
                tried = _tried(raw, [each], judge, len(findings))
                if tried is not None:
                    batch = [each]
                    break
        if tried is None:
            break
        raw, findings = tried
        changes += batch
    return Fixed(raw, tuple(changes))


def _fixable(findings: Sequence[LintFinding]) -> list[LintFinding]:
    return [each for each in findings if each.fix is not None]


def _apart(findings: Sequence[LintFinding]) -> list[LintFinding]:
    """Findings whose fixes do not touch each other."""
    found: list[LintFinding] = []
    end = 0
    for each in sorted(findings, key=lambda each: (each.fix.first, each.fix.last) if each.fix else (0, 0)):
        if each.fix is not None and each.fix.first > end:
            found.append(each)
            end = each.fix.last
    return found


def _tried(
    raw: bytes, batch: Sequence[LintFinding], judge: Callable[[Dockerfile], list[LintFinding]], before: int
) -> tuple[bytes, list[LintFinding]] | None:
    """`raw` with the fixes of `batch` and what can be fixed then; None where that is no gain."""
    if not batch:
        return None
    try:
        new = _applied(raw, [each.fix for each in batch if each.fix is not None])
        left = _fixable(judge(parse(new)))
    except (Error, UnicodeEncodeError):
        return None
    return (new, left) if len(left) < before else None


def _applied(raw: bytes, fixes: Sequence[Fix]) -> bytes:
    head = _BOM if raw.startswith(_BOM) else b""
    lines = raw.removeprefix(_BOM).split(b"\n")
    for each in sorted(fixes, key=lambda each: -each.first):
        old = lines[each.first - 1 : each.last]
        end = b"\r" if old[0].endswith(b"\r") else b""
        known = {line.removesuffix(b"\r"): line for line in old}
        new = each.text.encode("utf-8", "surrogateescape").split(b"\n") if each.text else []
        lines[each.first - 1 : each.last] = [known.get(line, line + end) for line in new]
    return head + b"\n".join(lines)
