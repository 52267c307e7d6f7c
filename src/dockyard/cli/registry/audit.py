"""`dockyard registry audit`: who did what, and whether the record of it is whole."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from dockyard.cli import output_file, report
from dockyard.cli.registry import pruning
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import needed
from dockyard.errors import PolicyError, UsageError


class AuditBrokenError(PolicyError):
    """The registry's events were tampered with: some are missing, changed or added, or the chain was made anew."""

    reference = "audit-broken"
    hint = "Compare with an export or a backup; `missing`, `changed` and `added` name the events."


def audit(
    verb: Literal["list", "export", "verify", "prune", "schedule"] = "list",
    /,
    *,
    project: str = "",
    actor: str = "",
    kind: str = "",
    repository: str = "",
    since: str = "",
    until: str = "",
    before: int = 0,
    count: int = 50,
    form: Annotated[Literal["jsonl", "csv"], Parameter(name=["--format", "--form"])] = "jsonl",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    expect: str = "",
    older_than: str = "",
    keep: list[str] | None = None,
    dry_run: bool = False,
    every: str = "",
    never: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Show what happened in a registry, newest first, export it, prove that it is whole, or remove what is old, now or
    by schedule.

    Args:
        verb: list, export, verify, prune or schedule.
        project: only of this project.
        actor: only what this account did.
        kind: only this kind, such as push, or its beginning, such as quota.*, or its end, such as *.refused
        repository: only about this one.
        since: only from this time on, such as 2026-01-31 or 2026-01-31T12:00 (UTC).
        until: only before this time.
        before: for list only events with a lower number: the last one of the page before.
        count: for list how many at most.
        form: for export jsonl (one JSON object a line) or csv.
        output: for export a file; standard output where there is none.
        expect: for verify the hash of an event that was the newest once; shows whether all was made anew.
        older_than: for prune and schedule a time such as 365d; what remains can still be proved.
        keep: for prune and schedule a kind of events that stay, such as push, quota.* or *.refused; several times for
            several.
        dry_run: for prune only count what would go.
        every: for schedule five fields as in crontab, in UTC, or a span such as 24h; without it the schedule is shown.
        never: for schedule end it.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.audit.read import Wanted

    if verb == "prune":
        hours = _hours(needed(older_than, "--older-than"))
        pruning.prune(hours, keep or [], at, dry=dry_run, json=json)
        return
    if verb == "schedule":
        hours = _hours(older_than) if older_than else 0
        pruning.schedule(every, hours, keep or [], at, never=never, json=json)
        return
    wanted = Wanted((project,) if project else None, actor, kind, repository, _moment(since), _moment(until))
    read = at.verbs("audit.read", "events")
    chain = at.verbs("audit.chain", "events")
    with at.instance() as instance:
        database = instance.database
        if verb == "verify":
            _verify(chain, database, expect, json=json)
            return
        if verb == "export":
            made = (read.json_lines if form == "jsonl" else read.comma_separated)(database, wanted)
            output_file.export(made, output, json=json)
            return
        events = read.page(database, wanted, before=before, count=count)
    if json:
        report.result({"events": [each.to_json() for each in events]})
        return
    rows = [
        [str(each.id), each.time[:19], each.kind, each.actor, each.repository or each.project, each.reference]
        for each in events
    ]
    report.table(["NUMBER", "TIME", "KIND", "WHO", "WHERE", "WHAT"], rows)


def _verify(chain: Any, database: Any, expect: str, *, json: bool) -> None:
    found = chain.verify(database, expected=expect)
    if not found.whole:
        flaws = ", ".join(f"event {each.event} {each.kind}" for each in found.flaws[:10])
        if not flaws:
            raise AuditBrokenError("the expected hash is not in the chain: it was made anew, or is another's")
        raise AuditBrokenError(f"the record is not whole: {flaws}", context={"flaws": len(found.flaws)})
    events = report.counted(found.events, "event")
    said = f"{events}, nothing changed or missing; the newest link is {found.head} at event {found.head_event}"
    report.told({**found.to_json(), "checkpoints": chain.checkpoints(database)}, said, json=json)


def _moment(text: str) -> int:
    """Milliseconds since 1970 of a time in UTC; 0 for none."""
    from datetime import UTC, datetime

    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 2026-01-31 or 2026-01-31T12:00.") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def _hours(text: str) -> int:
    """A time in hours."""
    import re

    match = re.fullmatch(r"(\d{1,6})([hd])", text)
    if match is None:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 12h or 365d.")
    return int(match[1]) * {"h": 1, "d": 24}[match[2]]
