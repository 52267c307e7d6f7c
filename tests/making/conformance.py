"""The OCI conformance suite of the distribution specification, where `make peers` has built it."""

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "bench" / "peers" / "bin" / "conformance"


def conformance(folder: Path, address: str, version: str, **settings: str) -> None:
    """Run the whole suite against a registry and let the test fail with the first faults.

    Args:
        folder: gets its report.
        address: host and port.
        version: of the specification: 1.1 or dev.
        settings: further ones, such as OCI_TLS or OCI_USERNAME.
    """
    if not PROGRAM.exists():
        pytest.skip("the conformance suite is not built here: `make peers` builds it from the Go registry")
    results = folder / f"conformance-{version}"
    environment = {
        **os.environ,
        "OCI_VERSION": version,
        "OCI_REGISTRY": address,
        "OCI_TLS": "disabled",
        "OCI_RESULTS_DIR": str(results),
        **settings,
    }
    done = subprocess.run([str(PROGRAM)], env=environment, cwd=folder, capture_output=True, text=True, timeout=200)
    suite = ET.parse(results / "junit.xml").getroot()
    faults = [each.get("name") for each in suite.iter("testcase") if each.find("failure") is not None]
    faults += [each.get("name") for each in suite.iter("testcase") if each.find("error") is not None]
    count = sum(1 for _ in suite.iter("testcase"))
    assert not faults, faults[:20]
    assert done.returncode == 0, done.stdout[-2000:]
    assert count > 500, f"only {count} cases ran"
