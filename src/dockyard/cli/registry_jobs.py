"""`dockyard registry jobs`: what a registry does beside serving."""

from pathlib import Path
from typing import Literal

from dockyard.cli import report
from dockyard.cli.registry_source import source
from dockyard.cli.registry_words import moment, number
from dockyard.errors import UsageError


def jobs(
    verb: Literal["list", "cancel", "run"] = "list",
    what: str = "",
    /,
    *,
    state: str = "",
    count: int = 50,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Show a registry's jobs, newest first, cancel one, or have a task done by the process that serves.

    Args:
        verb: list, cancel or run.
        what: for list the name of a task, for cancel a job's number, for run a task, such as
            collect, sweep, retention, scan-all or verify.
        state: for list only waiting, running, done, failed or cancelled.
        count: for list how many at most.
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    history, place = source("jobs.history", "jobs", server, storage, config, house=True)
    with place as house:
        if verb == "cancel":
            mine = number(what, "job")
            if not (history.cancel(house, mine) if server else house.jobs.cancel(mine)):
                raise UsageError(f"job {what} has ended or is unknown", hint="`dockyard registry jobs` lists them.")
            report.result({"cancelled": int(what)}) if json else print(f"cancelled job {what}")
            return
        if verb == "run":
            made = history.defer(house, what) if server else house.jobs.defer(what, key=f"asked {what}")
            said = f"job {made} waits to be done" if made is not None else f"{what} waits to be done already"
            report.result({"job": made}) if json else print(said)
            return
        found = history.jobs(house.database, name=what, state=state, count=count)
    if json:
        report.result({"jobs": [each.to_json() for each in found]})
        return
    rows = [
        [str(each.number), each.name, each.state, moment(each.started_at or each.due_at), each.error or each.progress]
        for each in found
    ]
    report.table(["NUMBER", "TASK", "STATE", "WHEN", "SAYS"], rows)
