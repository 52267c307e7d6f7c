"""Docstrings are contracts: a public function names every error that it raises itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

# Commands and handlers of requests: their errors end in the one place that turns them into words and codes.
APART = ("src/dockyard/cli/", "src/dockyard/server/api/", "src/dockyard/server/migrations/")
# What the type checker or the code around takes, and no caller sees.
NOT_TOLD = {
    "AssertionError",
    ("_internal/atomic.py", "output", "IsADirectoryError"),
    ("build/lazy/lent.py", "bring", "ContentNotFoundError"),
    ("server/health.py", "health", "TransientError"),
}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public functions and methods of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from functions(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def raised(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The errors that its own lines make and raise."""
    calls = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    return {name for name in names if name.endswith("Error")}


def test_every_error_that_a_public_function_raises_is_in_its_docstring() -> None:
    missing, seen = [], 0
    for path in sorted((ROOT / "src" / "dockyard").rglob("*.py")):
        if str(path.relative_to(ROOT)).startswith(APART):
            continue
        for function in functions(ast.parse(path.read_text())):
            text = ast.get_docstring(function)
            for error in raised(function) if text is not None else ():
                seen += 1
                place = (_short(path), function.name, error)
                if error not in str(text) and error not in NOT_TOLD and place not in NOT_TOLD:
                    missing.append(":".join(place))
    assert seen > 200
    assert missing == []


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT / "src" / "dockyard"))
