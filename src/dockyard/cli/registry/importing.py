"""`dockyard registry import`: what another registry has stored, taken over."""

from pathlib import Path

from dockyard.cli import bars, report
from dockyard.cli.registry.here import instance as opened
from dockyard.cli.registry.source import refuse
from dockyard.cli.report import counted

__all__ = ["refuse", "take"]


def take(
    folder: Path,
    /,
    *,
    repositories: str = "**",
    dry_run: bool = False,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> int:
    """Take over the images in the storage folder of Docker's distribution or of Harbor. Files are linked where both are
    on one file system. It can be cut off and run again. Ends with 2 where something could not be taken over.

    Args:
        folder: `rootdirectory` in that registry's configuration; stop that registry, or run this again afterwards.
        repositories: a glob over their names, such as `shop/**`.
        dry_run: only say what would be taken over.
        storage: this registry's folder, as for `dockyard serve`.
        config: this registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dataclasses import replace

    from dockyard.server.importing.distribution import open_source
    from dockyard.server.importing.take import take as take_over
    from dockyard.server.stored.rules import UNRULED

    source = open_source(folder)
    with opened(storage, config, begin=True) as instance, bars.shown(quiet=json) as progress:
        task = progress.start("import")
        # What was allowed there is not judged again by the rules here.
        holdings = replace(instance.registry.holdings, projects=True, rules=UNRULED)
        done = take_over(holdings, source, repositories=repositories, dry=dry_run, changed=instance.registry.changed)
        task.done(f"{done.manifests} manifests")
    if json:
        report.result(done.to_json())
    else:
        print(
            f"{'would take over' if dry_run else 'took over'} {counted(done.tags, 'tag')}, "
            f"{counted(done.manifests, 'manifest')} and {counted(done.blobs, 'blob')} ({report.size(done.bytes)}) of "
            f"{counted(done.repositories, 'repository')}"
        )
        for problem in done.problems:
            print(f"  {problem}")
    return 2 if done.problems else 0
