"""Everything in README and docs/ that is a command, a program or a settings file is run or read here."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from conftest import ROOT
from dockyard._internal.settings import decode
from dockyard.cli.table import COMMANDS
from dockyard.pipeline.settings import Settings
from dockyard.registry.settings import Settings as RegistriesSettings
from dockyard.server.settings import Settings as ServerSettings

pytestmark = pytest.mark.slow

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"errors.md", "lint.md"}

KINDS: dict[str, type[Settings | RegistriesSettings | ServerSettings]] = {
    "registries.md": RegistriesSettings,
    "registry-toml.md": ServerSettings,
    "access.md": ServerSettings,
}


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_every_settings_file_that_is_shown_is_one() -> None:
    count = 0
    for page in PAGES:
        for text in blocks(page, "toml"):
            decode(text.encode(), KINDS.get(page.name, Settings), what=page.name)
            count += 1
    assert count >= 2
    decode((ROOT / "examples/shop/dockyard.toml").read_bytes(), Settings, what="the shop's")


def test_every_setting_of_the_registry_is_in_its_docs() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("registry-toml.md", "access.md"))

    def keys(kind: type[msgspec.Struct]) -> Iterator[str]:
        for field in msgspec.structs.fields(kind):
            inner = [each for each in (field.type, *get_args(field.type)) if isinstance(each, type)]
            parts = [each for each in inner if issubclass(each, msgspec.Struct)]
            for each in parts:
                yield from keys(each)
            if not parts:
                yield field.encode_name

    missing = [key for key in keys(ServerSettings) if not re.search(rf"(?<![\w-]){re.escape(key)}(`| =|\])", text)]
    assert missing == []


def test_the_commands_about_builds_run(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY f /f\n")
    (context / "f").write_text("x")
    environment = {
        **os.environ,
        "DOCKYARD_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    (script,) = blocks(ROOT / "docs" / "builds.md", "sh")
    done = subprocess.run(
        ["sh", "-ec", script], cwd=context, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "COPY f /f" in done.stdout


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target and page.name not in GENERATED:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_and_the_program_of_the_readme_run(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the tour's base image wants Debian's archive and its keyring, set up by root")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ,
        "DOCKYARD_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    (script,) = blocks(ROOT / "README.md", "sh")
    assert len(script.splitlines()) == 6
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    if "archive-unreachable" in done.stderr:
        pytest.skip("Debian's archive cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    (program,) = blocks(ROOT / "README.md", "python")
    assert len([line for line in program.splitlines() if line]) == 6
    (tmp_path / "store").symlink_to(tmp_path / "home" / "store")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "linux/" in done.stdout


def test_every_command_that_is_spoken_of_exists() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    spoken = set(re.findall(r"`dockyard ([a-z]+(?: [a-z]+)?)", text))
    known = {command.word for command in COMMANDS}
    # `# dockyard ignore=…` is a comment in a Dockerfile
    assert [each for each in spoken if each not in known and each.split()[0] not in {*known, "ignore"}] == []
