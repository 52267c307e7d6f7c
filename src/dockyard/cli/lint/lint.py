"""`dockyard lint`: judge a Dockerfile."""

import json as json_module
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from dockyard.cli import report
from dockyard.cli.lint import dockerfiles
from dockyard.cli.lint import settings as lint_settings
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.lint.finding import LintFinding, Severity
from dockyard.dockerfile.lint.settings import LintSettings, Override, Threshold, threshold
from dockyard.dockerfile.node import Dockerfile
from dockyard.dockerfile.parser import parse
from dockyard.errors import UsageError


class FixNeedsFileError(UsageError):
    """There is no file to write fixes into, as the Dockerfile comes from standard input."""

    reference = "fix-needs-file"
    hint = "Name the file, or show what would be changed: dockyard lint - --fix --diff"


Format = Literal[
    "text",
    "tty",
    "json",
    "sarif",
    "gitlab",
    "gitlab_codeclimate",
    "codeclimate",
    "checkstyle",
    "gnu",
    "sonarqube",
    "codacy",
    "junit",
]
Names = Annotated[tuple[str, ...], Parameter(negative=())]


@dataclass(frozen=True)
class Judged:
    """What was found in one file, as far as it is shown; `error` where the file cannot be understood."""

    name: str
    shown: Sequence[LintFinding] = ()
    failed: bool = False
    changes: Sequence[LintFinding] = ()
    difference: str = ""
    error: DockerfileInvalidError | None = None

    def to_json(self, *, fix: bool) -> dict[str, Any]:
        """As `--json` prints it."""
        found = {"file": self.name, "findings": [each.to_json() for each in self.shown], "failed": self.failed}
        if fix:
            found["fixed"] = [each.to_json() for each in self.changes]
        return found if self.error is None else {**found, **self.error.to_json()}


def lint(
    *paths: str,
    file: Annotated[str, Parameter(name=["--file", "-f"])] = "",
    format: Annotated[Format, Parameter(name=["--format"])] = "text",
    output: Annotated[str, Parameter(name=["--output", "-o"])] = "",
    config: Annotated[str, Parameter(name=["--config", "-c"])] = "",
    fail_on: Annotated[Threshold | None, Parameter(name=["--fail-on", "--failure-threshold", "-t"])] = None,
    no_fail: Annotated[bool, Parameter(negative="")] = False,
    severity: Severity = "style",
    rule: Names = (),
    ignore: Names = (),
    also: Names = (),
    error: Names = (),
    warning: Names = (),
    info: Names = (),
    style: Names = (),
    disable_ignore_pragma: Annotated[bool, Parameter(negative="")] = False,
    fix: Annotated[bool, Parameter(negative="")] = False,
    diff: Annotated[bool, Parameter(negative="")] = False,
    image: str = "",
    trusted_registry: Names = (),
    label: Annotated[tuple[str, ...], Parameter(name=["--label", "--require-label"], negative=())] = (),
    strict_labels: Annotated[bool, Parameter(negative="")] = False,
    shellcheck: bool = True,
    json: bool = False,
    check: Annotated[str | None, Parameter(parse=False)] = None,
) -> int:
    """Judge Dockerfiles: what is wrong on which line, why, and the better line.

    The exit code is 1 where a finding is as bad as --fail-on or worse, and 2 where a file cannot be
    understood; of several files the others are judged all the same.
    Silence a rule for one instruction with a comment above it: # dockyard ignore=pin-base
    (Hadolint's and BuildKit's comments count too). docs/lint.md describes every rule. What always holds stands in the
    table [lint] of dockyard.toml, or in Hadolint's .hadolint.yaml, beside the Dockerfile or in the current folder.
    Where `dockyard build` has built the file before, what its steps cost counts.

    Args:
        paths: Dockerfiles, or folders that hold one, the current one by default; - reads standard input.
        file: the Dockerfile, relative to the current folder; - reads standard input.
        format: text, json, or a format for other programs: sarif, gitlab (code quality), codeclimate, checkstyle, gnu,
            sonarqube, codacy, junit. tty and gitlab_codeclimate are Hadolint's words for text and gitlab.
        output: write the result to this file instead of standard output.
        config: take the settings of this file, a dockyard.toml or a .hadolint.yaml, and look for no other.
        fail_on: the least severity that makes the exit code 1: style, info, warning or error (none: every finding).
        no_fail: end with exit code 0 whatever is found.
        severity: the least severity that is shown.
        rule: run only these rules (may be repeated); names of Hadolint, BuildKit and ShellCheck count too.
        ignore: leave these rules out (may be repeated).
        also: run these rules too, which are off otherwise (may be repeated).
        error: findings of this rule count as errors (may be repeated).
        warning: findings of this rule count as warnings (may be repeated).
        info: findings of this rule count as information (may be repeated).
        style: findings of this rule count as matters of style (may be repeated).
        disable_ignore_pragma: comments in the file silence nothing.
        fix: put right in the file what a program can put right, and tell of the rest.
        diff: with --fix, show the changes and write nothing; what is left after them decides the exit code.
        image: look into the layers of this image in the store, which was built from the file.
        trusted_registry: a registry that bases may come from, * for any part of a name (may be repeated).
        label: a label that the image must have, as NAME=KIND (may be repeated); KIND is text, rawtext, url, rfc3339,
            spdx, hash, semver or email.
        strict_labels: refuse labels that were not asked for with --label.
        shellcheck: let ShellCheck read the scripts of RUN, where it is installed.
        json: print one JSON document; the same as --format json.
        check: counts instead of the directive `check` of the file.
    """
    given = _given(paths, file, fix=fix, diff=diff)

    def one(path: str, name: str, raw: bytes) -> Judged:
        settings = lint_settings.merged(
            lint_settings.settings(config, dockerfiles.folder(path, file)),
            ignore=_split(ignore),
            also=_split(also),
            severities=Override(_split(error), _split(warning), _split(info), _split(style)),
            registries=trusted_registry,
            label=label,
            strict_labels=strict_labels,
            threshold=fail_on,
            no_fail=no_fail,
            disable_ignore_pragma=disable_ignore_pragma,
        )
        judge = _judge(path, file, name, image, settings, _split(rule), check)
        return _judged(name, raw, settings, judge, _split(rule) if shellcheck else None, severity, fix=fix, diff=diff)

    found = [one(*each) for each in given]
    if len(found) == 1 and found[0].error is not None:
        raise found[0].error
    words = {"tty": "text", "gitlab_codeclimate": "gitlab"}
    kind = "json" if json else words.get(format, format)
    _say(output, _result(found, kind, fix=fix, diff=diff, color=not output and report.styled(sys.stdout)))
    wrong = [each.error for each in found if each.error is not None]
    for each in wrong if kind != "json" else ():
        report.failure(each, json=False)
    return 2 if wrong else 1 if any(each.failed for each in found) else 0


def _given(paths: Sequence[str], file: str, *, fix: bool, diff: bool) -> list[tuple[str, str, bytes]]:
    """What was named, the file that it means, and what that holds.

    Raises:
        UsageError: the words contradict each other.
        FixNeedsFileError: there is no file to write into.
    """
    if len(paths) > 1 and file:
        raise UsageError("--file names one Dockerfile beside several", hint="Leave --file out.")
    if (*paths, file).count("-") > 1:
        raise UsageError("standard input is there once only", hint="Give - once.")
    given = [(path, *dockerfiles.read(path, file)) for path in paths or (".",)]
    if fix and not diff and any(name == dockerfiles.STDIN for _, name, _ in given):
        raise FixNeedsFileError("--fix writes into a file, and the Dockerfile comes from standard input")
    if diff and not fix:
        raise UsageError("--diff shows what --fix would change", hint="Write --fix --diff.")
    return given


def _result(found: Sequence[Judged], kind: str, *, fix: bool, diff: bool, color: bool) -> str | dict[str, Any]:
    """What is printed or written, in the form `kind`."""
    from dockyard.cli.lint import output as lint_output

    if kind == "json":
        documents = [each.to_json(fix=fix) for each in found]
        failed = any(each.failed for each in found)
        return documents[0] if len(found) == 1 else {"files": documents, "failed": failed}
    if kind != "text":
        pairs = [(each.name, finding) for each in found for finding in each.shown]
        return lint_output.foreign(kind, pairs, [each.name for each in found])
    if diff:
        return "".join(each.difference for each in found).removesuffix("\n")
    return "\n\n".join(_told(each, color=color) for each in found)


def _judged(
    name: str,
    raw: bytes,
    settings: LintSettings,
    judge: Callable[[Dockerfile], list[LintFinding]],
    heard: Sequence[str] | None,
    severity: Severity,
    *,
    fix: bool,
    diff: bool,
) -> Judged:
    """What `judge` finds in the file, after its fixes where they are wanted.

    `heard` has the only rules that count, ShellCheck's among them; without it ShellCheck is not asked.
    """
    from dockyard.dockerfile.lint.finding import at_least

    try:
        changes: Sequence[LintFinding] = ()
        difference = ""
        if fix:
            from dockyard.cli.lint import fix as lint_fix

            raw, changes, difference = lint_fix.fix(None if diff else Path(name), name, raw, judge)
        findings = judge(parse(raw))
        if heard is not None:
            findings = _with_shellcheck(raw, findings, heard, settings)
    except DockerfileInvalidError as invalid:
        return Judged(name, failed=True, error=dockerfiles.in_file(invalid, name, raw))
    failed = not settings.no_fail and any(at_least(each.severity, threshold(settings.fail_on)) for each in findings)
    return Judged(name, [each for each in findings if at_least(each.severity, severity)], failed, changes, difference)


def _told(judged: Judged, *, color: bool) -> str:
    """The findings for people."""
    from dockyard.cli.lint import output as lint_output

    if judged.error is not None:
        return f"{judged.name}: not judged, as it cannot be understood"
    done = "".join(f"{judged.name}:{each.line}: fixed[{each.rule}]: {each.message}\n" for each in judged.changes)
    return done + lint_output.text(judged.name, judged.shown, color=color)


def _say(output: str, what: str | dict[str, Any]) -> None:
    """Print the result, or write it to the file `output`, whole or not at all."""
    if not output:
        if isinstance(what, str):
            print(what, end="\n" if what else "")
        else:
            report.result(what)
        return
    from dockyard._internal import atomic

    text = what if isinstance(what, str) else json_module.dumps(what, indent=2, ensure_ascii=False)
    with atomic.output(Path(output)) as stream:
        stream.write(f"{text}\n".encode() if text else b"")


def _judge(
    path: str,
    file: str,
    name: str,
    image: str,
    settings: LintSettings,
    only: Sequence[str],
    check: str | None,
) -> Callable[[Dockerfile], list[LintFinding]]:
    """What judges the file: rules, the ignore file, and what is known from elsewhere."""
    from dockyard.build.check import ARGUMENT, instructed
    from dockyard.cli.lint import measure
    from dockyard.dockerfile.lint.lint import lint as judge

    where = Path(path)
    folder = where if path != "-" and where.is_dir() else where.parent
    ignored = dockerfiles.ignore_rules(path, file)
    # Image and bases do not change while the file is put right; the lines of their steps may.
    seen = measure.layers(image)

    def judged(found: Dockerfile) -> list[LintFinding]:
        found = instructed(found, {} if check is None else {ARGUMENT: check})
        platforms, variables = measure.bases(found)
        wished = replace(settings.options(), platforms=platforms, variables=variables)
        costs = {} if name == dockerfiles.STDIN else measure.costs(found, Path(name), folder)
        options = replace(wished, measured=replace(seen, costs=costs))
        return judge(found, only=only, without=settings.ignore, also=settings.also, ignored=ignored, options=options)

    return judged


def _with_shellcheck(
    raw: bytes, findings: list[LintFinding], only: Sequence[str], settings: LintSettings
) -> list[LintFinding]:
    """`findings` and what ShellCheck says, by line; as they are where it is not installed or was not asked for."""
    from dockyard.cli.lint import shellcheck
    from dockyard.dockerfile.lint.heard import heard
    from dockyard.dockerfile.lint.rules import SHELLCHECK, named
    from dockyard.dockerfile.lint.scripts import scripts
    from dockyard.dockerfile.lint.subject import Subject

    asked = any(SHELLCHECK.fullmatch(word.lower()) for word in only)
    if only and not asked:
        return findings
    program = shellcheck.find()
    if program is None and asked:
        raise shellcheck.ShellCheckMissingError("ShellCheck is not installed, and its rules were asked for")
    if program is None:
        return findings
    dockerfile = parse(raw)
    said = shellcheck.comments(program, list(scripts(Subject.of(dockerfile))))
    more = heard(dockerfile, said, only=named(only), without=named(settings.ignore), options=settings.options())
    return sorted([*findings, *more], key=lambda each: (each.line, each.rule))


def _split(words: Sequence[str]) -> list[str]:
    return [name for word in words for name in word.split(",") if name]
