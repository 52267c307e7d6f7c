"""Why a step was not taken from the cache: its inputs beside those of the run before it in the same place."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import atomic

_SHOWN = 60
BASE_CHANGED = "a step before it, or the base, changed"


class Inputs:
    """The inputs of one stage's steps in the run before and in this one.

    Args:
        folder: where they are kept.
        place: what tells this stage from others: context, Dockerfile and stage.
    """

    def __init__(self, folder: Path, *place: str) -> None:
        self._name = hashlib.sha256("\0".join(place).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._path = folder / self._name
        self._before: dict[str, dict[str, Any]] | None = None
        self._now: dict[str, dict[str, Any]] = {}
        self._told = False

    def differ(self, number: int, inputs: dict[str, Any]) -> str:
        """Note the inputs of the step of that number, and tell the first that differs from the run before.

        A value that is a mapping is compared name by name; others as a whole. `base`, what the steps before it made,
        comes last: where it alone differs, the reason is theirs.
        """
        if self._before is None:
            self._before = self._load()
        first, self._told = not self._told, True
        self._now[str(number)] = inputs
        before = self._before.get(str(number))
        if before is None:
            return "it has not run here before"
        for name, value in sorted(inputs.items(), key=lambda item: item[0] == "base"):
            told = _difference(name, before.get(name), value)
            if told == BASE_CHANGED and first:
                return self._of_base() or told
            if told:
                return told
        return "what it had made was removed, or the cache was not used"

    def on(self, name: str, key: str) -> None:
        """Note what the stage stands on: as FROM has it, and what tells it from others."""
        self._now["from"] = {"name": name, "key": key}

    def _of_base(self) -> str:
        """What changed of what the stage stands on, if that did."""
        before, now = (self._before or {}).get("from"), self._now.get("from")
        if before is None or now is None or before == now:
            return ""
        if before.get("name") != now["name"]:
            return f"the base changed: {_short(before.get('name'))} became {_short(now['name'])}"
        return f"the base {now['name']} changed: {before.get('key')} became {now['key']}"

    def place(self, folder: Path, number: int) -> Path:
        """A file in `folder` for what is kept of the step of that number."""
        return folder / f"{self._name}-{number}"

    def save(self) -> None:
        """Keep the inputs that were noted for the next run."""
        if self._told:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Names that are not UTF-8 have surrogates, which only escaped JSON can carry.
            atomic.write(self._path, json.dumps({**(self._before or {}), **self._now}).encode(), durable=False)

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            return msgspec.convert(json.loads(self._path.read_bytes()), type=dict[str, dict[str, Any]])
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):  # no run before, or of another version
            return {}


def _difference(name: str, before: Any, now: Any) -> str:
    if before == now:
        return ""
    if isinstance(before, dict) and isinstance(now, dict):
        for each in sorted(before.keys() | now.keys()):
            if each not in now:
                return f"{name} {each} is gone"
            if each not in before:
                return f"{name} {each} is new"
            if before[each] != now[each]:
                told = (
                    f": {_short(before[each])} became {_short(now[each])}" if name in ("argument", "variable") else ""
                )
                return f"{name} {each} changed{told}"
    if name == "base":
        return BASE_CHANGED
    if isinstance(now, str) and isinstance(before, str):
        return f"the {name} changed: {_short(before)} became {_short(now)}"
    return f"the {name} changed"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
