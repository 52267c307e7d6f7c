"""The command line: every word leads somewhere, quickly, and speaks JSON."""

import importlib
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockyard.cli.help import overview, within
from dockyard.cli.main import run
from dockyard.cli.table import COMMANDS, Command
from dockyard.server.instance import open_instance
from dockyard.server.settings import Settings


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_every_command_exists_with_help_and_json(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, name = command.target.partition(":")
    function = getattr(importlib.import_module(module), name)
    assert "json" in inspect.signature(function).parameters
    assert run([*command.word.split(), "--help"]) == 0
    assert f"dockyard {command.word}" in capsys.readouterr().out
    first, _, second = command.word.partition(" ")
    assert f"  {command.word}" in (within(first) if second else overview())


def test_an_unknown_command_is_refused_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["biuld", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["reference"] == "usage"
    assert "dockyard build" in document["error"]["hint"]


@pytest.mark.parametrize("words", [["registry"], ["registry", "--help"], ["registry", "-h"]])
def test_a_family_of_commands_lists_its_members(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == (0 if len(words) > 1 else 2)
    captured = capsys.readouterr()
    said = captured.out if len(words) > 1 else captured.err
    for command in COMMANDS:
        if command.word.startswith("registry "):
            assert f"  {command.word}" in said
    assert "serve" in said


def test_a_command_that_is_looked_for_in_a_family_is_pointed_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["registry", "serve"]) == 2
    assert "Did you mean `dockyard serve`?" in capsys.readouterr().err


def test_an_unknown_flag_is_a_usage_error_that_points_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["images", "--nonsense"]) == 2
    assert "dockyard images --help" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["registry", "token"], ["registry", "member"], ["registry", "jobs", "cancel", "x"]])
def test_what_a_command_refuses_by_itself_points_to_its_help(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_instance(Settings(storage=str(tmp_path))).close()
    assert run([*words, "--storage", str(tmp_path)]) == 2
    assert f"`dockyard {' '.join(words[:2])} --help` shows what it takes." in capsys.readouterr().err


def test_the_version_needs_nothing_heavy() -> None:
    code = (
        "import sys; from dockyard.cli.main import run; run(['--version']);"
        "heavy = {'cyclopts', 'rich', 'msgspec', 'cryptography', 'urllib3', 'json', 'subprocess'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    began = time.monotonic()
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == ["dockyard 0.1.0", "[]"]
    assert time.monotonic() - began < 5  # hangs only; the figure itself lives in bench/


@pytest.mark.slow
@pytest.mark.parametrize("words", [["build", "-q", "."], ["pull", "-q", "127.0.0.1:1/a:1"]])
def test_a_build_of_known_steps_and_a_fetched_image_load_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\nENV A=1\n")
    code = (
        "import sys; from dockyard.cli.main import run; run(sys.argv[1:]);"
        "heavy = {'cyclopts', 'rich', 'dataclasses', 'inspect', 'typing_extensions', 'urllib3', 'cryptography',"
        "'logging', 'concurrent.futures', 'subprocess', 'tempfile', 'isal', 'deflate', 'zstandard', 'shutil',"
        "'calendar', 'ssl'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "DOCKYARD_HOME": str(tmp_path.parent / f"{tmp_path.name}-home")}
    for _ in range(2):  # what the first build makes the second knows
        command = [sys.executable, "-I", "-c", code, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
        time.sleep(0.05)  # what was written this very moment is not relied on
    assert done.stdout.splitlines()[-1] == "[]"
