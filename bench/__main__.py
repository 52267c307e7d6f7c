"""Run every benchmark, or those named: `python -m bench copy start`."""

import importlib
import pkgutil
import sys
from pathlib import Path

names = sys.argv[1:] or [
    module.name
    for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    if module.name not in ("__main__", "alone", "pushing", "results", "served")
]
for name in names:
    print(f"== {name}", flush=True)
    importlib.import_module(f"bench.{name}").main()
