"""`dockyard logs`: an application's log lines."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dockyard.cli import context


def logs(
    app: str,
    /,
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    tail: Annotated[int, Parameter(name=["--tail", "-n"])] = 100,
    json: bool = False,
) -> None:
    """Show an application's log lines.

    Args:
        app: the application.
        follow: go on showing new lines until Ctrl-C.
        tail: how many of the last lines to begin with.
        json: print each line as the JSON object that is in the log.
    """
    from dockyard.deploy.rollout import AppUnknownError, app_folder
    from dockyard.telemetry.jsonlog import follow as follow_log
    from dockyard.telemetry.jsonlog import tail as last_lines

    path: Path = app_folder(context.data_folder(), app) / "log.jsonl"
    if not path.parent.is_dir():
        raise AppUnknownError(f"no application {app!r} is deployed here")

    def show(line: dict[str, Any]) -> None:
        text = (
            json_module.dumps(line, ensure_ascii=False)
            if json
            else f"{line['time']} [{line['revision']}] {line['message']}"
        )
        print(text, flush=True)

    for line in follow_log(path, last=tail) if follow else last_lines(path, tail):
        show(line)
