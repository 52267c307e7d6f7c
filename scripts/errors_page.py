"""Write docs/errors.md from the error classes: each docstring is its paragraph. Run by `make docs`."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import dockyard
from dockyard.errors import Error

PAGE = Path(__file__).resolve().parent.parent / "docs" / "errors.md"

INTRODUCTION = """# Errors

Every error that Dockyard prints has a reference in brackets, `error[image-not-found]`, and with `--json` the same word
as `error.reference`. Look it up here. This page is written by `make docs` from the classes that raise the errors.

Exit codes: 0 ok, 1 the policy says no, 2 usage or input, 3 may succeed later, 4 inconclusive, 5 rolled back,
130 interrupted, 143 and 129 ended by SIGTERM or with its terminal. Interrupted in one of these ways, a command first
clears away what it began; the third signal ends it at once.
"""


def error_classes() -> dict[str, type[Error]]:
    """Every error class of the package by its reference.

    Raises:
        SystemExit: two classes share a reference, or one is not kebab-case.
    """
    for module in pkgutil.walk_packages(dockyard.__path__, "dockyard."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, type[Error]] = {}
    pending: list[type[Error]] = [Error]
    while pending:
        current = pending.pop()
        pending += current.__subclasses__()
        if not current.__module__.startswith("dockyard."):
            continue
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", current.reference):
            sys.exit(f"{current.__qualname__}: the reference {current.reference!r} is not kebab-case")
        other = found.setdefault(current.reference, current)
        if other is not current:
            sys.exit(f"{current.__qualname__} and {other.__qualname__} share the reference {current.reference!r}")
    return found


def page() -> str:
    """The whole page, references in alphabetical order."""
    parts = [INTRODUCTION]
    for reference, kind in sorted(error_classes().items()):
        text = inspect.cleandoc(kind.__doc__ or "").split("\n\nArgs:")[0]
        parts.append(f"## {reference}\n\n{text}\n\nExit code {kind.exit_code}.")
        if kind.hint:
            parts[-1] += f" What to do: {kind.hint}"
        parts[-1] += "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
