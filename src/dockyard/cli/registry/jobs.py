"""`dockyard registry jobs`: what a registry does beside serving."""

from typing import Literal

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, number
from dockyard.errors import UsageError


def jobs(
    verb: Literal["list", "cancel", "run"] = "list",
    what: str = "",
    /,
    *,
    state: str = "",
    count: int = 50,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Show a registry's jobs, newest first, cancel one, or have a task done by the process that serves.

    Args:
        verb: list, cancel or run.
        what: for list the name of a task, for cancel a job's number, for run a task, such as
            collect, sweep, retention, scan-all or verify.
        state: for list only waiting, running, done, failed or cancelled.
        count: for list how many at most.
        at: which registry.
        json: print one JSON document.
    """
    history = at.verbs("jobs.history", "jobs")
    with at.instance() as instance:
        if verb == "cancel":
            mine = number(what, "job")
            if not (history.cancel(instance, mine) if at.server else instance.jobs.cancel(mine)):
                raise UsageError(f"job {what} has ended or is unknown", hint="`dockyard registry jobs` lists them.")
            report.told({"cancelled": int(what)}, f"cancelled job {what}", json=json)
            return
        if verb == "run":
            made = history.defer(instance, what) if at.server else instance.jobs.defer(what, key=f"asked {what}")
            said = f"job {made} waits to be done" if made is not None else f"{what} waits to be done already"
            report.told({"job": made}, said, json=json)
            return
        found = history.jobs(instance.database, name=what, state=state, count=count)
    if json:
        report.result({"jobs": [each.to_json() for each in found]})
        return
    rows = [
        [str(each.number), each.name, each.state, moment(each.started_at or each.due_at), each.error or each.progress]
        for each in found
    ]
    report.table(["NUMBER", "TASK", "STATE", "WHEN", "SAYS"], rows)
