"""Log lines as JSON objects, one a line, on standard output."""

import json
import sys
import time


def log(message: str, **fields: object) -> None:
    """Write one line with the time in UTC."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"time": stamp, "level": "info", "message": message, **fields}), file=sys.stdout, flush=True)
