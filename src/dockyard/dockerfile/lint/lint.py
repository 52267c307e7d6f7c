"""Running the rules over a Dockerfile."""

from collections.abc import Iterable, Iterator

from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.finding import LintFinding, Remark
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.lint.rules import ON_REQUEST, Rule, every, named, why
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.mounts import parse_mount
from dockyard.dockerfile.node import Dockerfile


def lint(
    dockerfile: Dockerfile,
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
    also: Iterable[str] = (),
    ignored: IgnoreRules | None = None,
    options: Options | None = None,
) -> list[LintFinding]:
    """What the rules find in `dockerfile`, by line; comments that silence rules are followed.

    Args:
        dockerfile: the parsed file.
        only: names of the rules to run; all where there are none.
        without: names of rules to leave out.
        also: names of rules to run that run only on request.
        ignored: the rules of the context's ignore file, where it is known.
        options: settings, and what was measured.

    Raises:
        DockerfileInvalidError: an instruction cannot be understood.
        RuleUnknownError: `only`, `without` or `also` names no rule.
    """
    wanted, unwanted, added = named(only), named(without), named(also)
    subject = Subject.of(dockerfile, ignored=ignored, options=options)
    _mounts(subject)
    silenced = silence.everywhere(dockerfile, pragmas=subject.options.pragmas)
    experimental = silence.experimental(dockerfile)
    findings: list[LintFinding] = []
    for rule in every():
        if (wanted and rule.code not in wanted) or rule.code in unwanted or is_silent(rule, silenced):
            continue
        if rule.code in ON_REQUEST and not (rule.code in wanted | added or is_silent(rule, experimental)):
            continue
        findings += _findings(rule, subject)
    return sorted(findings, key=lambda each: (each.line, each.rule))


def _mounts(subject: Subject) -> None:
    """Refuse mounts that no build could make; what a variable would decide is left to the build."""
    for stage in subject.stages:
        for run in stage.instructions:
            for text in run.mount_texts if isinstance(run, Run) else ():
                if not any(char in text for char in "$'\"\\`"):
                    parse_mount(text, str, line=run.node.start_line)


def _findings(rule: Rule, subject: Subject) -> Iterator[LintFinding]:
    for found in rule.judge(subject):
        names = silence.on_line(subject.dockerfile, found.line) if subject.options.pragmas else set()
        if found.partner and subject.options.pragmas:
            names |= silence.on_line(subject.dockerfile, found.partner)
        if not is_silent(rule, names):
            yield _finding(rule, found, subject)


def is_silent(rule: Rule, names: set[str]) -> bool:
    """Whether `names`, in lower case, hold one of the rule's names, or `all`."""
    return bool(names & {"all", rule.code, *(alias.lower() for alias in rule.aliases)})


def _finding(rule: Rule, found: Remark, subject: Subject) -> LintFinding:
    source = "\n".join(subject.dockerfile.lines[found.line - 1 : found.end_line])
    asked = subject.options.severities.get(rule.code)
    return LintFinding(
        rule=rule.code,
        severity="error"
        if silence.errors(subject.dockerfile, rule.aliases)
        else asked or found.severity or rule.severity,
        line=found.line,
        end_line=found.end_line,
        message=_clean(found.message),
        why=why(rule),
        better=_clean(found.better),
        source=_clean(source),
        aliases=rule.aliases,
        fix=found.fix,
    )


def _clean(text: str) -> str:
    # Bytes that are not UTF-8 live as surrogates, which no terminal or JSON document can carry.
    return text.encode("utf-8", "replace").decode()
