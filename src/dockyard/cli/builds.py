"""`dockyard builds`: the last builds, and what their steps printed."""

import shutil
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dockyard.cli import context, report
from dockyard.errors import UsageError


def builds(
    build: str = "",
    /,
    *,
    step: int = 0,
    line: int = 0,
    failed: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List the builds whose logs are kept, or show what the steps of one printed.

    Args:
        build: an ID or its beginning, or last; without one all are listed.
        step: only the step of this number.
        line: only steps on this line of the Dockerfile.
        failed: only steps that failed.
        json: print one JSON document, with the log files' paths.
    """
    from dockyard.build.cache.builds import find, kept

    data = context.data_folder()
    if not build:
        _listed(kept(data), json=json)
        return
    folder, found = find(data, build)
    steps = [
        {**each, "log": str(folder / each["log"]) if each["log"] else ""}
        for each in found["steps"]
        if (not step or each["step"] == step)
        and (not line or each["line"] == line)
        and (not failed or each["result"] == "failed")
    ]
    if (step or line) and not steps:
        raise UsageError(f"the build {folder.name} has no such step", hint=f"See them: dockyard builds {folder.name}")
    if json:
        report.result({**found, "steps": steps, "folder": str(folder)})
        return
    for each in steps:
        print(f"#{each['step']} [{each['stage']} {each['position']}] {each['text']}: {_ended(each)}", flush=True)
        if each["log"] and Path(each["log"]).is_file():
            with open(each["log"], "rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    if found.get("error"):
        print(f"error: {found['error']}")


def _listed(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        report.result({"builds": found})
        return
    rows = [
        [
            each["id"],
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["began"])),
            each["result"],
            f"{each['seconds']:.1f} s",
            f"{sum(step['result'] == 'cached' for step in each['steps'])}/{len(each['steps'])}",
            report.size(sum(step["log_bytes"] for step in each["steps"])),
            ", ".join(each.get("tags") or ()) or each.get("context", ""),
        ]
        for each in found
    ]
    report.table(["BUILD", "BEGAN", "RESULT", "TIME", "CACHED", "LOGS", "WHAT"], rows)


def _ended(step: dict[str, Any]) -> str:
    if step["result"] != "done":
        return str(step["result"])
    size = f", {report.size(step['size'])}" if step["size"] else ""
    return f"{step['seconds']:.1f} s{size}"
