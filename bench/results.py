"""Where figures go: a line each on the terminal and one JSON file a benchmark in bench/results/."""

import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def report(name: str, figures: dict[str, Any]) -> None:
    """Print `figures` and keep them, with the machine they were measured on."""
    for key, value in figures.items():
        print(f"  {key:<44} {value:.3f}" if isinstance(value, float) else f"  {key:<44} {value}")
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    (RESULTS / f"{name}.json").write_text(json.dumps({"figures": rounded, "machine": machine}, indent=2) + "\n")
