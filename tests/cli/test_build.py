"""`dockyard build` as a whole process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "f").write_text("x")
    (folder / "Dockerfile").write_text("FROM scratch\nARG V=1\nCOPY f /f\nLABEL v=$V\n")
    return folder


def dockyard(context: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).parent / "dockyard"
    env = {"DOCKYARD_HOME": str(context.parent / "home"), "PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": "1700000000"}
    return subprocess.run([program, "build", *words], capture_output=True, text=True, env=env, cwd=context, timeout=60)


def test_json_names_digest_tags_and_steps(context: Path) -> None:
    words = [".", "-t", "a:1", "-t", "b:2", "--build-arg", "V=7", "--iidfile", "id", "--json"]
    first = json.loads(dockyard(context, *words).stdout)
    assert first["tags"] == ["docker.io/library/a:1", "docker.io/library/b:2"]
    assert (context / "id").read_text() == first["image_id"]
    again = json.loads(dockyard(context, *words).stdout)
    assert again["digest"] == first["digest"]
    assert all(step["cached"] for step in again["steps"])


def test_quiet_prints_the_image_id_alone(context: Path) -> None:
    done = dockyard(context, "-q")
    assert done.stdout.startswith("sha256:")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_an_error_is_one_json_document_with_its_line(context: Path) -> None:
    (context / "Other").write_text("FROM scratch\nCOPY g /g\n")
    done = dockyard(context, "-f", "Other", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["reference"], error["context"]["line"]) == ("source-missing", "2")


def test_what_the_command_line_cannot_do_yet_is_named(context: Path) -> None:
    assert "s390x" in dockyard(context, "--platform", "linux/s390x").stderr
    assert "https://example.com" in dockyard(context, "https://example.com/x.git").stderr
