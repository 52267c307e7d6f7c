"""Write docs/lint.md from the rule classes: each docstring is its section. Run by `make docs`."""

import inspect
from pathlib import Path

from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.rules import FAMILIES, every

PAGE = Path(__file__).resolve().parent.parent / "docs" / "lint.md"

INTRODUCTION = """# Lint rules

`dockyard lint` judges a Dockerfile: the line, what is wrong, why, and the better line. The exit code is 1 where a
finding is as bad as `--fail-on` (`error` unless you say otherwise) or worse, and 2 where the file cannot be understood.
`--rule` and `--ignore` take the names below, and the names that Hadolint and BuildKit have for the same thing.
`--format sarif` is for code hosts. This page is written by `make docs` from the rules.
"""


def page() -> str:
    """The whole page: a table of the rules, then one section a rule."""
    rules = every()
    rows = ["| rule | severity | also known as |", "|---|---|---|"]
    rows += [f"| [{rule.code}](#{rule.code}) | {rule.severity} | {', '.join(rule.aliases)} |" for rule in rules]
    parts = [INTRODUCTION, "## Silencing a rule\n\n" + inspect.cleandoc(silence.__doc__ or "") + "\n"]
    parts.append("## The rules\n\n" + "\n".join(rows) + "\n")
    for family in FAMILIES:
        parts.append(f"## {inspect.cleandoc(family.__doc__ or '').removesuffix('.')}\n")
        for kind in family.RULES:
            text = inspect.cleandoc(kind.__doc__ or "")
            parts.append(f"### {kind.code}\n\n{text}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
