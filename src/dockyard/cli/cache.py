"""`dockyard cache`: what builds keep to be faster the next time."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import context, report
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.build.kept import Kept

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_KINDS = ("layer", "unpacked", "mount", "download", "git")
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def cache(
    action: Literal["ls", "du", "prune"] = "du",
    /,
    *,
    keep: Annotated[str, Parameter(name=["--keep", "--keep-storage"])] = "0",
    unused_for: Annotated[str, Parameter(name=["--unused-for", "--keep-duration"])] = "0s",
    filter: list[str] | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Show or throw away what builds keep: layers of steps, unpacked layers, cache mounts, downloads.

    Args:
        action: ls lists everything, du sums it up by kind, prune throws the longest unused away.
        keep: how much prune leaves, such as 10GB; nothing by default.
        unused_for: prune leaves what was used since, such as 24h.
        filter: only what fits: kind=layer|unpacked|mount|download|git, name=PART, until=24h; of several, all.
        dry_run: tell what prune would throw away, and leave it.
        json: print one JSON document.
    """
    from dockyard.build.kept import kept, prune

    context.enter_namespace()  # unpacked layers have owners that only exist there
    store = context.store()
    data = context.data_folder()
    fits = _filter(filter or [])
    if action == "prune":
        gone = prune(data, store, _bytes(keep), older=_seconds(unused_for), only=fits, dry=dry_run)
        total = sum(each.size for each in gone)
        if json:
            report.result(
                {
                    "dry_run": dry_run,
                    "removed": [each.to_json() for each in gone],
                    "bytes": total,
                }
            )
        else:
            if dry_run:
                for each in gone:
                    print(f"{each.kind}  {each.name[:60]}  {report.size(each.size)}")
            print(f"{'would remove' if dry_run else 'removed'} {len(gone)} things, {report.size(total)}")
        return
    found = [each for each in kept(data, store) if fits(each)]
    if action == "ls":
        if json:
            report.result({"kept": [each.to_json() for each in found]})
            return
        now = time.time()
        rows = [
            [each.kind, each.name[:60], report.size(each.size), f"{(now - each.used) / 3600:.1f} h"] for each in found
        ]
        report.table(["KIND", "NAME", "SIZE", "UNUSED FOR"], rows)
        return
    kinds = sorted({each.kind for each in found})
    sums = {kind: sum(each.size for each in found if each.kind == kind) for kind in kinds}
    if json:
        report.result({"bytes": sums, "total": sum(sums.values())})
        return
    counts = {kind: sum(each.kind == kind for each in found) for kind in kinds}
    rows = [[kind, str(counts[kind]), report.size(sums[kind])] for kind in kinds]
    report.table(["KIND", "COUNT", "SIZE"], [*rows, ["total", str(len(found)), report.size(sum(sums.values()))]])


def _filter(texts: list[str]) -> "Callable[[Kept], bool]":
    """Whether something fits every one of `texts`."""
    tests: list[tuple[str, str, float]] = []
    for text in texts:
        name, equals, value = text.partition("=")
        wrong = name not in ("kind", "name", "until") or (name == "kind" and value not in _KINDS)
        if not equals or wrong:
            raise UsageError(f"not a filter: {text!r}", hint=f"Write kind={'|'.join(_KINDS)}, name=PART or until=24h.")
        tests.append((name, value, _seconds(value) if name == "until" else 0.0))

    def fits(each: "Kept") -> bool:
        for name, value, seconds in tests:
            if name == "kind" and each.kind != value:
                return False
            if name == "name" and value not in each.name:
                return False
            if name == "until" and time.time() - each.used < seconds:
                return False
        return True

    return fits


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if match is None:
        raise UsageError(f"not a size: {text!r}", hint="Write it like 500MB or 10GB.")
    return int(float(match[1]) * _UNITS[match[2]])


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)([smhd])", text.strip().lower())
    if match is None:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 90m, 24h or 7d.")
    return float(int(match[1]) * _SPANS[match[2]])
