"""`dockyard cache`: what builds keep to be faster the next time."""

import shutil
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dockyard._internal import amounts
from dockyard._internal.cut import cut
from dockyard.cli import context, report
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from dockyard.build.cache.kept import Kept
    from dockyard.content.layout import Layout

_KINDS = ("layer", "unpacked", "mount", "download", "git")
_NAMES = {"kind": "kind", "type": "kind", "name": "name", "id": "name", "until": "until", "unused-for": "until"}
# What Docker calls them.
_TYPES = {
    "regular": ["layer", "unpacked"],
    "exec.cachemount": ["mount"],
    "source.git.checkout": ["git"],
    "source.http": ["download"],
}


def cache(
    action: Literal["ls", "du", "prune"] = "du",
    /,
    *,
    keep: Annotated[str, Parameter(name=["--keep", "--keep-storage", "--max-used-space", "--reserved-space"])] = "",
    min_free_space: str = "",
    unused_for: Annotated[str, Parameter(name=["--unused-for", "--keep-duration"])] = "0s",
    filter: list[str] | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    verbose: Annotated[bool, Parameter(negative="")] = False,
    all: Annotated[bool, Parameter(name=["--all", "-a"], negative="")] = False,
    force: Annotated[bool, Parameter(name=["--force", "-f"], negative="")] = False,
    json: bool = False,
) -> None:
    """Show or throw away what builds keep: layers of steps, unpacked layers, cache mounts, downloads.

    Args:
        action: ls lists everything, du sums it up by kind, prune throws the longest unused away.
        keep: how much prune leaves, such as 10GB; nothing by default.
        min_free_space: prune stops where so much of the disk is free, such as 20GB.
        unused_for: prune leaves what was used since, such as 24h.
        filter: only what fits: kind=layer|unpacked|mount|download|git, name=PART (or id=), until=24h; of several, all.
            Docker's type=regular|exec.cachemount|source.git.checkout|source.http stand for the kinds.
        dry_run: tell what prune would throw away, and leave it.
        verbose: with du, a line for each thing, as ls has it.
        all: as Docker has it; everything is shown and thrown away in any case.
        force: as Docker has it; nobody is asked in any case.
        json: print one JSON document.
    """
    from dockyard.build.cache.kept import kept, prune

    context.enter_namespace()  # unpacked layers have owners that only exist there
    store = context.store()
    data = context.data_folder()
    fits = _filter(filter or [])
    if action == "prune":
        most = _most(data, store, keep, min_free_space)
        gone = prune(data, store, most, older=amounts.seconds(unused_for), only=fits, dry=dry_run)
        _gone(gone, dry=dry_run, json=json)
        return
    found = [each for each in kept(data, store) if fits(each)]
    if action == "ls" or verbose:
        _each(found, json=json)
    else:
        _sums(found, json=json)


def _gone(gone: "Sequence[Kept]", *, dry: bool, json: bool) -> None:
    total = sum(each.size for each in gone)
    if json:
        report.result({"dry_run": dry, "removed": [each.to_json() for each in gone], "bytes": total})
        return
    for each in gone if dry else ():
        print(f"{each.kind}  {cut(each.name, 60)}  {report.size(each.size)}")
    print(f"{'would remove' if dry else 'removed'} {report.counted(len(gone), 'entry')}, {report.size(total)}")


def _each(found: "Sequence[Kept]", *, json: bool) -> None:
    if json:
        report.result({"kept": [each.to_json() for each in found]})
        return
    now = time.time()
    rows = [
        [each.kind, cut(each.name, 60), report.size(each.size), f"{(now - each.used) / 3600:.1f} h"] for each in found
    ]
    report.table(["KIND", "NAME", "SIZE", "UNUSED FOR"], rows)


def _sums(found: "Sequence[Kept]", *, json: bool) -> None:
    kinds = sorted({each.kind for each in found})
    sums = {kind: sum(each.size for each in found if each.kind == kind) for kind in kinds}
    if json:
        report.result({"bytes": sums, "total": sum(sums.values())})
        return
    counts = {kind: sum(each.kind == kind for each in found) for kind in kinds}
    rows = [[kind, str(counts[kind]), report.size(sums[kind])] for kind in kinds]
    report.table(["KIND", "COUNT", "SIZE"], [*rows, ["total", str(len(found)), report.size(sum(sums.values()))]])


def _most(data: "Path", store: "Layout", keep: str, free: str) -> int:
    """How many bytes may stay."""
    bounds = [amounts.size(keep or "0")] if keep or not free else []
    if free:
        from dockyard.build.cache.kept import kept

        lacking = amounts.size(free) - shutil.disk_usage(data).free
        bounds.append(sum(each.size for each in kept(data, store)) - max(0, lacking))
    return max(0, min(bounds))


def _filter(texts: list[str]) -> "Callable[[Kept], bool]":
    """Whether something fits every one of `texts`."""
    tests: list[tuple[str, str, int]] = []
    for text in texts:
        name, equals, value = text.partition("=")
        name = _NAMES.get(name, "")
        kinds = _TYPES.get(value, [value] if value in _KINDS else [])
        if not equals or not name or (name == "kind" and not kinds):
            raise UsageError(f"not a filter: {text!r}", hint=f"Write kind={'|'.join(_KINDS)}, name=PART or until=24h.")
        tests.append((name, value, amounts.seconds(value) if name == "until" else 0))

    def fits(each: "Kept") -> bool:
        for name, value, seconds in tests:
            if name == "kind" and each.kind not in _TYPES.get(value, [value]):
                return False
            if name == "name" and value not in each.name:
                return False
            if name == "until" and time.time() - each.used < seconds:
                return False
        return True

    return fits
