"""`dockyard registry verify`: proving that every tag leads to everything it needs."""

from pathlib import Path
from typing import Any

from dockyard.cli import bars, report
from dockyard.cli.registry_here import house as opened
from dockyard.cli.report import counted
from dockyard.errors import UsageError

_SHOWN = 50


def verify(
    *,
    deep: bool = False,
    repair: bool = False,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> int:
    """Look at every tag, manifest, blob and file of a registry; it may go on serving. Ends with 2 where anything is
    wrong and stays so.

    Args:
        deep: read every blob and compare its digest.
        repair: remove what belongs to nobody, have collected what nobody needs, count usage anew.
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    found = _asked(server, deep, repair, storage or config) if server else _here(deep, repair, storage, config, json)
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
    return 0 if all(each["repaired"] for each in found["flaws"]) and not found["more"] else 2


def _here(deep: bool, repair: bool, storage: Path | None, config: Path | None, quiet: bool) -> dict[str, Any]:
    from dockyard.server.stored.verify import verify as look

    with opened(storage, config) as house, bars.shown(quiet=quiet) as progress:
        task = progress.start("verify")
        found = look(house.registry.holdings, deep=deep, repair=repair)
        task.done(counted(found.blobs, "blob"))
        return found.to_json()


def _asked(server: str, deep: bool, repair: bool, place: Path | None) -> dict[str, Any]:
    """As a job of the server."""
    from dockyard.cli.remote.connection import connected
    from dockyard.cli.remote.verify import verify as ask

    if place is not None:
        raise UsageError("a server and a storage", hint="Give either --server, or --storage and --config.")
    if repair:
        raise UsageError("a server repairs nothing", hint="Run it where the registry is, with --storage or --config.")
    with connected(server) as remote:
        return ask(remote, deep=deep)
