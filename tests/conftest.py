"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine under load is no fault of what is tested.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
# `make unit` looks for a moment only; `make test` for as long as the library would.
settings.register_profile("quick", deadline=None, max_examples=40)
# CI looks for a moment; `--hypothesis-profile=fuzz` goes on until it is stopped.
settings.register_profile("fuzz", max_examples=100_000_000, deadline=None, suppress_health_check=list(HealthCheck))

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test vectors: `DOCKYARD_VECTORS`, or the shared data beside the checkout."""
    folder = Path(os.environ.get("DOCKYARD_VECTORS", ROOT.parent / "shared" / "data" / "vectors"))
    if not folder.is_dir():
        pytest.skip(f"no test vectors in {folder}; set DOCKYARD_VECTORS")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared folder of real inputs beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}")
    return folder


@pytest.fixture(autouse=True)
def _stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in the tests' own process do not move it into a user namespace, from which nothing returns."""
    if os.geteuid() != 0:
        monkeypatch.setattr("dockyard.cli.context.enter_namespace", lambda: "")
