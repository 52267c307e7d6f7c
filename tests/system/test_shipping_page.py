"""docs/shipping.md is true: its three files are written, and its commands run one after the other."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from making.ports import free_port

_FILES = {"dockerfile": "Dockerfile", "python": "app.py", "toml": "dockyard.toml"}


@pytest.mark.usefixtures("root")
def test_the_files_and_commands_of_the_page_ship_an_application(tmp_path: Path, program: Callable[[str], str]) -> None:
    for needed in ("runc", "haproxy", "curl"):
        program(needed)
    registry, port = free_port(), free_port()
    text = (ROOT / "docs" / "shipping.md").read_text().replace("127.0.0.1:5000", f"127.0.0.1:{registry}")
    text = text.replace("port = 8080", f"port = {port}").replace(":8080/", f":{port}/")
    for language, name in _FILES.items():
        (content,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        (tmp_path / name).write_text(content)
    (script,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ending = "served=$!; trap 'dockyard stop web; kill $served' EXIT"
    script = script.replace("dockyard serve & ", f"dockyard serve --listen 127.0.0.1:{registry} & {ending} ")
    done = subprocess.run(
        ["sh", "-ec", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "DOCKYARD_HOME": str(tmp_path / "home"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    if "archive-unreachable" in done.stderr:
        pytest.skip("Debian's archive cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nahoy\n" in done.stdout
    assert f"web serves 127.0.0.1:{registry}/team/web:1.0.0 again" in done.stdout
