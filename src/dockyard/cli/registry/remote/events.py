"""The audit log, as `dockyard.server.audit` reads and proves it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.audit.chain import Flaw, Verdict
from dockyard.server.audit.read import Event, Wanted


def page(remote: Remote, wanted: Wanted, *, before: int = 0, count: int = 100) -> list[Event]:
    """Events, newest first."""
    found = remote.ask("GET", _path(wanted), last=before, count=min(count, 1000), **_query(wanted))
    return [_event(each) for each in found]


def json_lines(remote: Remote, wanted: Wanted) -> Iterator[str]:
    """One JSON object a line, oldest first."""
    return remote.lines(f"{_path(wanted)}/export.jsonl", **_query(wanted))


def comma_separated(remote: Remote, wanted: Wanted) -> Iterator[str]:
    """CSV with a head line, oldest first."""
    return remote.lines(f"{_path(wanted)}/export.csv", **_query(wanted))


def verify(remote: Remote, *, expected: str = "") -> Verdict:
    """Have every event and link looked at."""
    found = remote.ask("GET", "/events/proof", expected=expected)
    flaws = [Flaw(each["kind"], each["event"]) for each in found["flaws"]]
    names = ("events", "begins_after", "head_event", "head", "unlinked", "known")
    return Verdict(**{name: found[name] for name in names}, flaws=flaws)


def checkpoints(remote: Remote) -> list[dict[str, Any]]:
    """Every removal of old events."""
    found: list[dict[str, Any]] = remote.ask("GET", "/events/proof")["checkpoints"]
    return [
        {**{key: value for key, value in each.items() if key != "event"}, "event_id": each["event"]} for each in found
    ]


def _path(wanted: Wanted) -> str:
    return f"/projects/{part(wanted.projects[0])}/events" if wanted.projects else "/events"


def _query(wanted: Wanted) -> dict[str, Any]:
    return {
        "kind": wanted.kind,
        "actor": wanted.actor,
        "repository": wanted.repository,
        "since": wanted.since,
        "until": wanted.until,
    }


def _event(document: dict[str, Any]) -> Event:
    given = {key: value for key, value in document.items() if key not in ("number", "at")}
    time = datetime.fromtimestamp(document["at"] / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Event(id=document["number"], time=time, **given)
