"""`dockyard registry verify`: proving that every tag leads to everything it needs."""

from pathlib import Path

from dockyard.cli import bars, report
from dockyard.cli.registry_house import opened
from dockyard.cli.registry_source import refuse

__all__ = ["refuse", "verify"]

_SHOWN = 50


def verify(
    *,
    deep: bool = False,
    repair: bool = False,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> int:
    """Look at every tag, manifest, blob and file of a registry; it may go on serving. Ends with 2 where anything is
    wrong and stays so.

    Args:
        deep: read every blob and compare its digest.
        repair: remove what belongs to nobody, have collected what nobody needs, count usage anew.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dockyard.server.stored.verify import verify as look

    with opened(storage, config) as house, bars.shown(quiet=json) as progress:
        task = progress.start("verify")
        found = look(house.registry.holdings, deep=deep, repair=repair)
        task.done(f"{found.blobs} blobs")
    if json:
        report.result(found.to_json())
    else:
        print(
            f"{found.tags} tags, {found.manifests} manifests, {found.blobs} blobs ({report.size(found.bytes)}), "
            f"{found.files} files: {'all whole' if found.whole else f'{len(found.flaws) + found.more} flaws'}"
        )
        for each in found.flaws[:_SHOWN]:
            print(f"  {each.kind}: {each.what}{' (repaired)' if each.repaired else ''}")
        if len(found.flaws) > _SHOWN:
            print(f"  and {len(found.flaws) + found.more - _SHOWN} more; --json has them")
    return 0 if all(each.repaired for each in found.flaws) and not found.more else 2
