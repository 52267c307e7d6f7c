"""How long `dockyard --version` takes as a whole process: under 60 ms, beside a bare Python in the same run."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.results import report

RUNS = 20
MOST_MILLISECONDS = 60


def median(words: list[str]) -> float:
    """The median time of a whole process in milliseconds."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and report."""
    program = str(Path(sys.executable).parent / "dockyard")
    version, bare = median([program, "--version"]), median([sys.executable, "-c", "pass"])
    report(
        "start",
        {
            "dockyard --version, ms": version,
            "python -c pass, ms": bare,
            "ratio": version / bare,
            "at most, ms": MOST_MILLISECONDS,
        },
    )
