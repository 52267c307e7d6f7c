"""The wheel: what `pip install dockyard` brings is whole, and works without the extras and the tests' packages."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

from conftest import ROOT

pytestmark = pytest.mark.slow

# Runs in a process of its own: only the wheel's own code and what it depends on can be imported.
_ALONE = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
hidden = set(sys.argv[2].split(","))

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is not among the dependencies", name=name)

sys.meta_path.insert(0, Hidden())
import dockyard
assert dockyard.__file__.startswith(sys.argv[1]), dockyard.__file__
for module in pkgutil.walk_packages(dockyard.__path__, "dockyard."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from dockyard.cli.main import run
sys.exit(run(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files in a folder."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(made)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = made.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(made / "unpacked")
    return made / "unpacked"


def test_every_file_of_the_package_is_in_it(unpacked: Path) -> None:
    package = ROOT / "src" / "dockyard"
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name}
    there = {str(path.relative_to(unpacked / "dockyard")) for path in (unpacked / "dockyard").rglob("*")}
    assert wanted - there == set()
    assert {"server/web/looks/dockyard.css", "server/migrations/script.py.mako", "py.typed"} <= there


def test_it_works_with_nothing_but_its_dependencies(unpacked: Path, tmp_path: Path) -> None:
    present = _modules(set(_needed("dockyard")))
    others = {module for module in packages_distributions() if module not in present and module != "dockyard"}
    assert {"obstore", "ldap3", "psycopg", "pytest"} <= others
    command = [sys.executable, "-P", "-c", _ALONE, str(unpacked), ",".join(sorted(others)), "doctor", "--json"]
    environment = {"DOCKYARD_HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"] == str(tmp_path)


def _needed(name: str) -> Iterator[str]:
    """The distribution and all that it requires here without extras, by normal names."""
    pending, seen = [name], set()
    while pending:
        current = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if current in seen:
            continue
        try:
            wanted = requires(current) or []
        except PackageNotFoundError:
            continue  # required on other systems only
        seen.add(current)
        yield current
        for text in wanted:
            bare, _, marker = text.partition(";")
            if "extra ==" not in marker:
                pending.append(re.split(r"[^A-Za-z0-9._-]", bare.strip(), maxsplit=1)[0])


def _modules(distributions: set[str]) -> set[str]:
    """The importable names that these distributions bring."""
    return {
        module
        for module, found in packages_distributions().items()
        if distributions & {re.sub(r"[-_.]+", "-", each).lower() for each in found}
    }
