"""Write docs/lint.md from the rule classes: each docstring is its section. Run by `make docs`."""

import inspect
from pathlib import Path

from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.rules import FAMILIES, ON_REQUEST, REFUSED, every

PAGE = Path(__file__).resolve().parent.parent / "docs" / "lint.md"

INTRODUCTION = """# Lint rules

`dockyard lint` judges a Dockerfile: the line, what is wrong, why, and the better line. The exit code is 1 where a
finding is as bad as `--fail-on` (`error` unless you say otherwise) or worse, and 2 where the file cannot be understood.
`--rule`, `--ignore` and `--also` take the names below, and the names that Hadolint and BuildKit have for the same
thing; a name that several rules share stands for all of them. This page is written by `make docs` from the rules.

Several files may be given, folders that hold a Dockerfile, and `-` for standard input. Each is judged with the settings
that stand beside it; one that cannot be understood makes the exit code 2, and the others are judged all the same. With
`--json` the result of one file is its document, that of several `{"files": […], "failed": …}`.

## Putting it right

`dockyard lint --fix` puts right what a program can put right, and tells of the rest; `--fix --diff` shows what it would
change and writes nothing. A fix changes what was found and nothing else that the build or the container would notice:
where that is not sure, the better line is shown and left to you. Every other byte stays as it is, line ends included,
and the file is replaced whole or not at all.

## Settings

The table `[lint]` of `dockyard.toml` says what always holds ([dockyard-toml.md](dockyard-toml.md) shows every key), and
`dockyard ship` follows it, too. Without such a table a file of Hadolint's counts, `.hadolint.yaml` or `.hadolint.yml`,
with all its keys: `ignored`, `override`, `trustedRegistries`, `label-schema`, `strict-labels`, `failure-threshold`,
`no-fail`, `disable-ignore-pragma`; where it names no threshold, ours is `error`. Both are looked for beside the
Dockerfile and then in the current folder; `--config FILE` names one. Unknown keys and rules are errors that name the
nearest known one.

The command line adds to that, and has the last word: `--ignore`, `--also`, `--error RULE` (and `--warning`, `--info`,
`--style`), `--trusted-registry`, `--label NAME=KIND`, `--strict-labels`, `--fail-on`, `--no-fail`. Hadolint's words
`--failure-threshold` and `--require-label NAME:KIND` mean the same as ours.

## Beside Hadolint and BuildKit

A test runs a real Hadolint and a real BuildKit over some hundred Dockerfiles, and compares rules, lines and
severities. Where a rule says something else than theirs, that is meant and stands with it. In general:

- What never reaches the image is left alone: layers of stages that are only copied from, and commands whose folder
  lies on a cache mount.
- `sudo`, `env` and a program's folder do not hide a command, and `apt`, `dnf5` and `pipx` are judged like their kin.
- Where Hadolint names the later of two instructions of which only one has any effect, we name the earlier, as BuildKit
  does; a comment that silences the rule may stand at either.
- Of what ShellCheck says Hadolint shows one remark for each RUN, on its first line; we show all, where they belong.
- A comment above an instruction silences rules for it also where other comments or empty lines stand between.

## Formats

`--format` takes `text`, `json`, `sarif` (code hosts), `gitlab` (its code quality report), `codeclimate`, `checkstyle`
and `junit` (build servers), `sonarqube`, `codacy`, and `gnu` (editors). `tty` and `gitlab_codeclimate` are other words
for `text` and `gitlab`. `--output FILE` writes into a file.

## ShellCheck

Where ShellCheck is installed (`pip install dockyard[shellcheck]` brings it), it reads the scripts of all RUNs, heredocs
included, under the shell that SHELL or a comment names, and knows what ARG and ENV set. Its findings stand at their
places in the Dockerfile under their own names, which `--rule`, `--ignore` and comments take. `--no-shellcheck` leaves
it out.

## What was measured

A build keeps what each step cost when it last really ran, and lint uses that. `--image NAME` names the image that was
built from the file: its layers are searched for what nobody needs any more, and the program that it starts is looked
at. The rules under "Rules that judge what was measured" say nothing where nothing was measured.
"""


def page() -> str:
    """The whole page: a table of the rules, then one section a rule."""
    rules = every()
    refused = "\n".join(f"- {name}: {what}" for name, what in REFUSED.items())
    requested = ", ".join(f"`{name}`" for name in ON_REQUEST)
    rows = ["| rule | severity | also known as |", "|---|---|---|"]
    rows += [f"| [{rule.code}](#{rule.code}) | {rule.severity} | {', '.join(rule.aliases)} |" for rule in rules]
    parts = [INTRODUCTION, "## Silencing a rule\n\n" + inspect.cleandoc(silence.__doc__ or "") + "\n"]
    parts.append("## The rules\n\n" + "\n".join(rows) + "\n")
    parts.append(f"Only on request, with `--also` or `--rule`, run {requested}.\n")
    parts.append(f"What others have rules for, and here the parser refuses (exit code 2):\n\n{refused}\n")
    for family in FAMILIES:
        parts.append(f"## {inspect.cleandoc(family.__doc__ or '').removesuffix('.')}\n")
        for kind in family.RULES:
            text = inspect.cleandoc(kind.__doc__ or "")
            parts.append(f"### {kind.code}\n\n{text}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
