"""The verbs `prune` and `schedule` of `dockyard registry audit`: old events go, now or by themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dockyard.cli import report
from dockyard.cli.registry.source import Place
from dockyard.cli.registry.words import moment
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.audit.pruning import Pruning


def prune(hours: int, keep: Sequence[str], at: Place, *, dry: bool, json: bool) -> None:
    """Remove the events that are older, or count them."""
    verbs = at.verbs("audit.pruning", "pruning")
    with at.instance() as instance:
        if dry:
            found = verbs.planned(instance.database, verbs.before(hours), keep)
            total = sum(found.values())
            if json:
                report.result({"removed": total, "kinds": found})
                return
            report.table(["KIND", "EVENTS"], [[kind, str(count)] for kind, count in found.items()])
            print(f"{report.counted(total, 'event')} would be removed")
            return
        removed = verbs.prune(instance.database, verbs.before(hours), keep)
        if at.server:
            said = f"job {removed} removes them" if removed is not None else "they wait to be removed already"
            report.told({"job": removed}, said, json=json)
        else:
            report.told({"removed": removed}, f"removed {report.counted(removed, 'event')}", json=json)


def schedule(
    every: str,
    hours: int,
    keep: Sequence[str],
    at: Place,
    *,
    never: bool,
    json: bool,
) -> None:
    """Say when old events go by themselves, or show it."""
    from dockyard.server.audit.pruning import Pruning

    if never and (every or hours or keep):
        raise UsageError("never, and when", hint="Give --never alone, or --every and --older-than.")
    if bool(every) != bool(hours):
        raise UsageError("half a schedule", hint="Such as --every '0 3 * * *' --older-than 90d --keep '*.delete'.")
    verbs = at.verbs("audit.pruning", "pruning")
    with at.instance() as instance:
        if never or every:
            found = verbs.schedule(instance.database, None if never else Pruning(every, hours, tuple(keep)))
        else:
            found = verbs.pruning(instance.database)
    document: dict[str, Any] = {"pruning": None if found is None else found.to_json()}
    report.told(document, _told(found), json=json)


def _told(found: "Pruning | None") -> str:
    if found is None:
        return "old events stay until somebody removes them"
    keep = f", but {', '.join(found.keep)}" if found.keep else ""
    return (
        f"events older than {report.counted(found.hours, 'hour')} go by {found.schedule}{keep}; "
        f"next {moment(found.next_at)}"
    )
