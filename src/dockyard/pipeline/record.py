"""Records: what one `ship` did, step by step, kept as one JSON file each.

The file is replaced whole after every change, so a record of an interrupted ship shows how far it came: its status
stays `running` and the step it was in has no end.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockyard._internal import atomic
from dockyard.errors import Error, UsageError


class RecordNotFoundError(UsageError):
    """No record of that number is kept here."""

    reference = "record-not-found"
    hint = "`dockyard record --all` lists them; every `dockyard ship` writes one."


@dataclass
class Step:
    """One step under way: `detail` is what the record will say of it."""

    name: str
    detail: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False

    def already_done(self, **detail: Any) -> None:
        """Say that an earlier run had done this step and nothing was done now."""
        self.skipped = True
        self.detail.update(detail)


class Record:
    """The record of one ship, being written.

    Args:
        folder: where records are kept; made if absent.
        subject: what is shipped: name, tag, source folder.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, subject: dict[str, Any], *, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        began = clock()
        whole, part = divmod(round(began * 1_000_000), 1_000_000)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(whole))
        # Those of one second come in order, too: "the last" is the one that began last.
        self.number = f"{stamp}-{part:05x}{secrets.token_hex(2)}"
        self.path = folder / f"{self.number}.json"
        self.document: dict[str, Any] = {
            "record": self.number,
            "status": "running",
            "process": os.getpid(),
            "began": _time(began),
            **subject,
            "steps": [],
        }
        self._began = began
        self._save()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Record a step: its time, its details, and the error if it fails (which goes on to the caller)."""
        step = Step(name)
        entry: dict[str, Any] = {"step": name, "status": "running"}
        self.document["steps"].append(entry)
        self._save()
        began = self._clock()
        try:
            yield step
        except BaseException as error:
            entry["status"] = "failed"
            entry["error"] = error.to_json()["error"] if isinstance(error, Error) else {"message": repr(error)}
            raise
        else:
            entry["status"] = "already done" if step.skipped else "done"
        finally:
            entry["seconds"] = round(self._clock() - began, 3)
            entry.update(step.detail)
            self._save()

    def finish(self, status: str, **summary: Any) -> None:
        """Close the record: `done`, `denied`, `failed`, `rolled back` or `interrupted`."""
        ended = self._clock()
        self.document.update(status=status, ended=_time(ended), seconds=round(ended - self._began, 3), **summary)
        self._save()

    def _save(self) -> None:
        atomic.write(self.path, json.dumps(self.document, indent=2, default=str).encode())


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def numbers(folder: Path) -> list[str]:
    """The numbers of all records, oldest first."""
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


def load(folder: Path, number: str = "last") -> dict[str, Any]:
    """One record by its number, an unmistakable beginning of it, or `last`.

    A record that says `running` while its process is gone is given the status `interrupted`.

    Raises:
        RecordNotFoundError: there is no such record, or several begin so.
    """
    known = numbers(folder)
    found = known[-1:] if number == "last" else [each for each in known if each.startswith(number)]
    if len(found) != 1:
        none = f"no record {number}" if known else "there are no records yet"
        raise RecordNotFoundError(f"{len(found)} records begin with {number}" if found else none)
    document: dict[str, Any] = json.loads((folder / f"{found[0]}.json").read_bytes())
    if document["status"] == "running" and not Path(f"/proc/{document['process']}").exists():
        document["status"] = "interrupted"
    return document


def page(document: dict[str, Any]) -> str:
    """The record as a page of text."""
    lines = [f"{document['status'].upper()}: {document.get('reference', '')}", ""]
    shown = ("record", "began", "seconds", "digest", "reason")
    lines += [f"  {key:<9} {document[key]}" for key in shown if document.get(key) is not None]
    for entry in document["steps"]:
        mark = {"done": "✓", "already done": "=", "failed": "✗"}.get(entry["status"], "…")
        lines += [
            "",
            f"{mark} {entry['step']}  {entry.get('seconds', '?')} s" + (" (already done)" if mark == "=" else ""),
        ]
        for key, value in entry.items():
            if key not in ("step", "status", "seconds"):
                lines += _shown(key, value)
    return "\n".join(lines) + "\n"


def _shown(key: str, value: Any, indent: str = "    ") -> list[str]:
    if isinstance(value, dict):
        return [
            f"{indent}{key}:",
            *(line for name, inner in value.items() for line in _shown(str(name), inner, indent + "  ")),
        ]
    if isinstance(value, list):
        if not value:
            return [f"{indent}{key}: none"]
        if all(not isinstance(item, dict | list) for item in value):
            return [f"{indent}{key}: {', '.join(map(str, value))}"]
        flat = [
            ", ".join(f"{k} {v}" for k, v in item.items() if v not in ("", None, [], {}))
            for item in value
            if isinstance(item, dict)
        ]
        return [f"{indent}{key}:", *(f"{indent}  - {line}" for line in flat)]
    return [f"{indent}{key}: {value}"]
