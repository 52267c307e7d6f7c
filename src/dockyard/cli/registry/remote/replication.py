"""Replication, as `dockyard.server.replication` has it."""

from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.replication.replicate import Planned
from dockyard.server.replication.rules import Rule
from dockyard.server.replication.runs import Run


def listing(remote: Remote) -> list[Rule]:
    """All rules."""
    return [_rule(each) for each in remote.ask("GET", "/replication/rules")]


def named(remote: Remote, name: str) -> Rule:
    """One rule."""
    return _rule(remote.ask("GET", f"/replication/rules/{part(name)}"))


def add(remote: Remote, seal: object, rule: Rule, secret: str = "") -> Rule:
    """Make one."""
    document = {key: value for key, value in rule.to_json().items() if key not in ("number", "active", "next_at")}
    return _rule(remote.ask("POST", "/replication/rules", {**document, "password": secret}))


def change(remote: Remote, seal: object, name: str, secret: str | None = None, **changes: Any) -> Rule:
    """Change one."""
    document = {**changes, **({} if secret is None else {"password": secret})}
    return _rule(remote.ask("PATCH", f"/replication/rules/{part(name)}", document))


def remove(remote: Remote, name: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/replication/rules/{part(name)}")


def ask(remote: Remote, rule: Rule) -> int:
    """Let one run; the number of the run."""
    return int(remote.ask("POST", f"/replication/rules/{part(rule.name)}/run")["run"])


def plan(remote: Remote, registry: object, seal: object, rule: Rule) -> list[Planned]:
    """What a run would do."""
    found = remote.ask("POST", f"/replication/rules/{part(rule.name)}/dry-run")
    return [Planned(*each) if isinstance(each, list) else Planned(**each) for each in found["planned"]]


def history(remote: Remote, *, rule: str = "", before: int = 0, count: int = 50) -> list[Run]:
    """Runs, newest first."""
    found = remote.ask("GET", "/replication/runs", rule=rule, last=before, count=min(count, 1000))
    return msgspec.convert(found, list[Run])


def errors(remote: Remote, number: int) -> list[dict[str, Any]]:
    """What a run could not do."""
    found: list[dict[str, Any]] = remote.ask("GET", f"/replication/runs/{number}/errors")
    return found


def cancel(remote: Remote, number: int) -> bool:
    """Let a run do no more."""
    return bool(remote.ask("POST", f"/replication/runs/{number}/cancel")["cancelled"])


def _rule(document: dict[str, Any]) -> Rule:
    return Rule(0, **document)
