"""`dockyard status`: what runs and how it fares."""

import time
from typing import Any

from dockyard._internal import amounts
from dockyard._internal.cut import cut
from dockyard.cli import context, report


def status(app: str = "", /, *, json: bool = False) -> None:
    """Show what runs and how it fares.

    Args:
        app: one application; all by default.
        json: print one JSON document.
    """
    from dockyard.deploy.rollout import status as read_status

    found = read_status(context.data_folder(), app)
    documents: list[dict[str, Any]] = []
    for name, (state, supervised) in found.items():
        active = state.active
        documents.append(
            {
                "app": name,
                "state": "stopped" if active is None else "healthy" if active.healthy else "unhealthy",
                "supervised": supervised,
                "image": active.revision.reference if active else "",
                "digest": active.revision.digest if active else "",
                "revision": active.revision.number if active else 0,
                "port": active.revision.port if active else 0,
                "pid": active.pid if active else 0,
                "seconds": round(time.time() - active.since) if active else 0,
                "restarts": active.restarts if active else 0,
                "said": active.said if active else "",
                "earlier": [f"{each.number}: {each.reference}" for each in state.history],
                "last_rollout": _outcome(state.outcomes[-1]) if state.outcomes else None,
            }
        )
    if json:
        report.result(documents)
        return
    headings = ["APP", "STATE", "REVISION", "IMAGE", "PORT", "UP", "RESTARTS", "LAST ROLLOUT"]
    rows = []
    for each in documents:
        last = each["last_rollout"]
        said = (
            ""
            if last is None
            else "well"
            if last["succeeded"]
            else cut(" ".join(f"failed: {last['reason']}".split()), 80)
        )
        up = amounts.span(each["seconds"])
        row = [each["app"], each["state"], each["revision"], each["image"], each["port"], up, each["restarts"], said]
        rows.append([str(cell) for cell in row])
    report.table(headings, rows)


def _outcome(outcome: Any) -> dict[str, Any]:
    return {"revision": outcome.number, "succeeded": outcome.succeeded, "reason": outcome.reason}
