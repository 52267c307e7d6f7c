"""`dockyard lint`: judge a Dockerfile."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard import __version__
from dockyard.cli import report
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.lint.finding import LintFinding, Severity
from dockyard.errors import UsageError

_COLORS = {"error": "\x1b[31m", "warning": "\x1b[33m", "info": "\x1b[36m"}
_DIM, _BOLD, _OFF = "\x1b[2m", "\x1b[1m", "\x1b[0m"


class DockerfileMissingError(UsageError):
    """There is no Dockerfile where one was expected, or it cannot be read."""

    reference = "dockerfile-missing"
    hint = "Name the file: dockyard lint path/to/Dockerfile, or the folder that holds it."


def lint(
    path: str = ".",
    /,
    *,
    file: Annotated[str, Parameter(name=["--file", "-f"])] = "",
    format: Literal["text", "json", "sarif"] = "text",
    fail_on: Severity = "error",
    severity: Severity = "info",
    rule: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    ignore: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    json: bool = False,
) -> int:
    """Judge a Dockerfile: what is wrong on which line, why, and the better line.

    The exit code is 1 where a finding is as bad as --fail-on or worse, and 2 where the file cannot be understood.
    Silence a rule for one instruction with a comment above it: # dockyard ignore=pin-base
    (Hadolint's and BuildKit's comments count too). docs/lint.md describes every rule.

    Args:
        path: the Dockerfile, or the folder that holds it; - reads standard input.
        file: the Dockerfile, relative to the current folder; - reads standard input.
        format: text, json, or sarif for code hosts.
        fail_on: the least severity that makes the exit code 1: info, warning or error.
        severity: the least severity that is shown.
        rule: run only these rules (may be repeated); names of Hadolint and BuildKit count too.
        ignore: leave these rules out (may be repeated).
        json: print one JSON document; the same as --format json.
    """
    from dockyard.dockerfile.lint.finding import at_least
    from dockyard.dockerfile.lint.lint import lint as judge
    from dockyard.dockerfile.lint.sarif import sarif
    from dockyard.dockerfile.parser import parse

    name, raw = read(path, file)
    try:
        findings = judge(parse(raw), only=_split(rule), without=_split(ignore), ignored=_ignore_rules(path, file))
    except DockerfileInvalidError as error:
        raise in_file(error, name, raw) from error
    failed = any(at_least(each.severity, fail_on) for each in findings)
    shown = [each for each in findings if at_least(each.severity, severity)]
    if json or format == "json":
        report.result({"file": name, "findings": [each.to_json() for each in shown], "failed": failed})
    elif format == "sarif":
        report.result(sarif([(name, each) for each in shown], version=__version__))
    else:
        print(text(name, shown, color=sys.stdout.isatty()))
    return 1 if failed else 0


def read(path: str, file: str = "") -> tuple[str, bytes]:
    """The name and the bytes of the Dockerfile that the command line means.

    Raises:
        DockerfileMissingError: it is not there or cannot be read.
        TooLargeError: it is larger than any Dockerfile has to be.
    """
    from dockyard._internal.limits import DOCKERFILE_BYTES, read_bounded

    if file == "-" or (not file and path == "-"):
        return "<stdin>", read_bounded(sys.stdin.buffer, DOCKERFILE_BYTES, "the Dockerfile")
    where = Path(file) if file else Path(path)
    if not file and where.is_dir():
        candidates = [where / "Dockerfile", where / "Containerfile", where / "dockerfile"]
        where = next((each for each in candidates if each.is_file()), candidates[0])
    try:
        with where.open("rb") as stream:
            return str(where), read_bounded(stream, DOCKERFILE_BYTES, str(where))
    except OSError as error:
        raise DockerfileMissingError(
            f"cannot read {where}: {error.strerror or error}", context={"file": where}
        ) from error


def _ignore_rules(path: str, file: str) -> IgnoreRules | None:
    """The rules of the ignore file that a build would follow, or None where there is none."""
    from dockyard._internal.limits import DOCKERFILE_BYTES, read_bounded

    where = Path(path)
    folder = where if where.is_dir() else where.parent
    dockerfile = Path(file) if file else where / "Dockerfile" if where.is_dir() else where
    for candidate in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), folder / ".dockerignore"):
        if candidate.is_file():
            with candidate.open("rb") as stream:
                return IgnoreRules.parse(read_bounded(stream, DOCKERFILE_BYTES, str(candidate)))
    return None


def in_file(error: DockerfileInvalidError, name: str, raw: bytes) -> DockerfileInvalidError:
    """`error` with the file's name before its line, and the line itself as it stands in the file."""
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    line = lines[error.line - 1].decode("utf-8", "replace").rstrip("\r") if 0 < error.line <= len(lines) else error.text
    placed = DockerfileInvalidError(error.bare_message, text=line, hint=error.hint)
    placed.message = f"{name}:{error.line}: {placed.message}" if error.line else f"{name}: {placed.message}"
    placed.line = error.line
    placed.context = {"file": name, **({"line": str(error.line)} if error.line else {}), **placed.context}
    return placed


def _split(words: Sequence[str]) -> list[str]:
    return [name for word in words for name in word.split(",") if name]


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
    counts = {kind: sum(each.severity == kind for each in findings) for kind in ("error", "warning", "info")}
    if not findings:
        return f"{name}: nothing to find fault with"
    parts.append(
        ", ".join(f"{count} {kind}{'s' if count != 1 and kind != 'info' else ''}" for kind, count in counts.items())
    )
    return "\n".join(parts)
