"""Every command of docs/registry-api.md runs, and the page names every noun of the API."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.server.access import users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.api.application import operations
from dockyard.server.database import open_database
from making.serving import Server

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "registry-api.md"


def test_the_commands_run_against_a_server(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    database = open_database("", tmp_path / "registry")
    users.add(database, SYSTEM, "root", password="correct horse", admin=True)
    users.add(database, SYSTEM, "ann", password="correct horse")
    database.close()
    (script,) = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    server = Server(tmp_path)
    try:
        done = subprocess.run(
            ["sh", "-ec", script.replace("\ncurl", "\necho; curl")],
            env={**os.environ, "REGISTRY": server.address, "PASSWORD": "correct horse"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert len(answers) == script.count("curl ") - 1
    assert answers[-2][0]["kind"] == "robot.create"
    assert answers[-1]["whole"] is True
    assert "robot.create" in (tmp_path / "events.csv").read_text()


def test_the_page_names_every_noun() -> None:
    text = PAGE.read_text()
    for _, path in operations():
        words = [each for each in path.removeprefix("/api/v1/").split("/") if not each.startswith("{")]
        for word in words:
            assert word in text or word in ("secret", "cancel", "runs", "run", "rules", "schedule", "dry-run"), word


def test_the_error_that_is_shown_is_one() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    from dockyard.server.access.naming import NameTakenError
    from dockyard.server.api.problem import problem

    status, body, _ = problem(NameTakenError("there is a project 'team' already"))
    assert (status, json.loads(body)) == (409, json.loads(shown))
