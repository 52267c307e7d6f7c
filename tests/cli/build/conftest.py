"""What tests of `dockyard build` share: builds in the tests' own process."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.cli.main import run

Build = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Build:
    """`dockyard build` in a context's folder with `home` beside it, as a process of its own would run it but for the
    time that starting one takes.
    """

    def do(context: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        for name in os.environ:
            monkeypatch.delenv(name)
        monkeypatch.setenv("DOCKYARD_HOME", str(context.parent / "home"))
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        monkeypatch.chdir(context)
        capfd.readouterr()
        code = run(["build", *words])
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(["build", *words], code, out, err)

    return do
