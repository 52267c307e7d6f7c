"""`dockyard registry verify`: proving that every tag leads to everything it needs."""

from typing import Any

from dockyard.cli import bars, report
from dockyard.cli.registry.source import HERE, At, Place
from dockyard.cli.report import counted
from dockyard.errors import UsageError

_SHOWN = 50


def verify(
    *,
    deep: bool = False,
    repair: bool = False,
    at: At = HERE,
    json: bool = False,
) -> int:
    """Look at every tag, manifest, blob and file of a registry; it may go on serving. Ends with 2 where anything is
    wrong and stays so. What pushes that were cut off left over is no flaw: the server removes it by itself.

    Args:
        deep: read every blob and compare its digest.
        repair: remove what belongs to nobody now, have collected what nobody needs, count usage anew, and set damaged
            blobs aside.
        at: which registry.
        json: print one JSON document.
    """
    found = _asked(at, deep=deep, repair=repair) if at.server else _here(at, deep=deep, repair=repair, quiet=json)
    if json:
        report.result(found)
    else:
        flaws, more = found["flaws"], found["more"]
        print(
            f"{counted(found['tags'], 'tag')}, {counted(found['manifests'], 'manifest')}, "
            f"{counted(found['blobs'], 'blob')} ({report.size(found['bytes'])}), {counted(found['files'], 'file')}: "
            f"{'all whole' if found['whole'] else counted(len(flaws) + more, 'flaw')}"
        )
        for each in flaws[:_SHOWN]:
            print(f"  {each['kind']}: {each['what']}{' (repaired)' if each['repaired'] else ''}")
        if len(flaws) > _SHOWN:
            print(f"  and {len(flaws) + more - _SHOWN} more; --json has them")
        _leftovers(found)
    return 0 if all(each["repaired"] for each in found["flaws"]) and not found["more"] else 2


def _leftovers(found: dict[str, Any]) -> None:
    if not found["left"]:
        return
    end = (
        "what was a file is removed, the rest is collected when its grace period is over"
        if all(each["repaired"] for each in found["leftovers"])
        else "the server removes them by itself, `--repair` now"
    )
    print(f"note: {counted(found['left'], 'leftover')} of what was cut off, {report.size(found['left_bytes'])}; {end}")
    for each in found["leftovers"][:_SHOWN]:
        print(f"  {each['kind']}: {each['what']}, {report.size(each['bytes'])}{' (repaired)' * each['repaired']}")
    if found["left"] > _SHOWN:
        print(f"  and {found['left'] - _SHOWN} more; --json has them")


def _here(at: Place, *, deep: bool, repair: bool, quiet: bool) -> dict[str, Any]:
    from dockyard.server.stored.verify import verify as look

    with at.instance() as instance, bars.shown(quiet=quiet) as progress:
        task = progress.start("verify")
        found = look(instance.registry.holdings, deep=deep, repair=repair)
        task.done(counted(found.blobs, "blob"))
        return found.to_json()


def _asked(at: Place, *, deep: bool, repair: bool) -> dict[str, Any]:
    """As a job of the server."""
    from dockyard.cli.registry.remote.verify import verify as ask

    if repair:
        raise UsageError("a server repairs nothing", hint="Run it where the registry is, with --storage or --config.")
    with at.instance() as remote:
        return ask(remote, deep=deep)
