"""Everything in README and docs/ that is a command, a program or a settings file is run or read here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import yaml

from conftest import ROOT
from dockyard._internal.proxy import Proxies
from dockyard._internal.settings import decode
from dockyard.cli import help as help_pages
from dockyard.cli.table import COMMANDS
from dockyard.pipeline.settings import Settings
from dockyard.registry.settings import Settings as RegistriesSettings
from dockyard.server.settings import Settings as ServerSettings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"errors.md", "lint.md"}

# Where each page's blocks are run or read; a language that is not named is not shown on that page.
BLOCKS = {
    "README.md": {"sh": "here", "python": "here"},
    "access.md": {
        "console": "tests/cli/registry/test_access.py",
        "sh": "tests/system/test_keyless_page.py",
        "toml": "here",
    },
    "builds.md": {"sh": "here"},
    "dockyard-toml.md": {"toml": "here"},
    "registries.md": {"toml": "here", "sh": "here"},
    "registry-api.md": {"sh": "tests/structure/test_registry_api_page.py", "json": "the same"},
    "registry-care.md": {"sh": "tests/cli/registry/test_verbs.py", "console": "the same"},
    "registry-toml.md": {"toml": "here", "nginx": "here"},
    "registry-watching.md": {"yaml": "here"},
    "shipping.md": dict.fromkeys(("dockerfile", "python", "toml", "sh"), "tests/system/test_shipping_page.py"),
    "webhooks.md": dict.fromkeys(("sh", "python", "json"), "tests/server/webhooks/test_page.py"),
}

KINDS: dict[str, type[Settings | RegistriesSettings | ServerSettings]] = {
    "registries.md": RegistriesSettings,
    "registry-toml.md": ServerSettings,
    "access.md": ServerSettings,
}


def _languages(page: Path) -> set[str]:
    return set(re.findall(r"^ *```(\w+)$", page.read_text(), re.MULTILINE))


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def test_every_block_of_code_is_run_or_read_by_a_test() -> None:
    shown = {page.name: found for page in PAGES if (found := _languages(page))}
    assert shown == {name: set(kept) for name, kept in BLOCKS.items()}
    for name, kept in BLOCKS.items():
        for place in set(kept.values()) - {"here", "the same"}:
            assert name.removesuffix(".md") in (ROOT / place).read_text(), f"{place} does not read {name}"


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert [name for name in pages if f"](docs/{name})" not in readme] == []
    decisions = (ROOT / "docs" / "decisions" / "README.md").read_text()
    records = [path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")]
    assert [name for name in records if f"]({name})" not in decisions] == []


def test_every_flag_that_is_spoken_of_is_one_of_its_command() -> None:
    wrong = []
    for where in PAGES:
        for text in re.findall(r"`dockyard ([^`]+)`", where.read_text()):
            words = text.split()
            command = next((each for each in COMMANDS if words[: len(each.word.split())] == each.word.split()), None)
            flags = re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
            if command is not None and flags:
                known = set(re.findall(r"--[a-z][a-z-]+", help_pages.page(command))) | {"--help"}
                wrong += [f"{where.name}: dockyard {command.word} {flag}" for flag in flags if flag not in known]
    assert wrong == []


def test_the_configuration_for_nginx_is_one(tmp_path: Path) -> None:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("there is no nginx")
    (block,) = blocks(ROOT / "docs" / "registry-toml.md", "nginx")
    file = tmp_path / "nginx.conf"
    around = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:1;"
    file.write_text(f"{around}\n{block}\n}} }}")
    done = subprocess.run([program, "-t", "-q", "-c", str(file)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_the_variables_for_a_proxy_are_understood() -> None:
    (script,) = blocks(ROOT / "docs" / "registries.md", "sh")
    variables = dict(re.findall(r"^export (\w+)=(\S+)", script, re.MULTILINE))
    assert list(variables) == ["HTTPS_PROXY", "NO_PROXY"]
    proxies = Proxies.of(variables)
    assert str(proxies.to("https://registry-1.docker.io/v2/")) == "http://proxy.example:3128"
    spared = ("https://a.internal.example/", "https://registry.example:5000/v2/")
    assert [proxies.to(url) for url in spared] == [None, None]


def test_the_configuration_for_prometheus_has_a_target_and_the_token_file() -> None:
    (block,) = blocks(ROOT / "docs" / "registry-watching.md", "yaml")
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert job["static_configs"][0]["targets"]
    assert list(job["authorization"]) == ["credentials_file"]


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


@pytest.mark.slow
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


@pytest.mark.slow
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
