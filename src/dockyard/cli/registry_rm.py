"""`dockyard registry rm`: whole repositories and projects."""

from pathlib import Path

from dockyard.cli import report
from dockyard.cli.registry_source import source
from dockyard.cli.registry_words import repository


def remove(
    name: str,
    /,
    *,
    project: bool = False,
    force: bool = False,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Remove a repository with all its images; blobs that nobody else needs are collected later.

    Args:
        name: the repository, or with --project the project.
        project: remove a project.
        force: with its repositories.
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    removing, place = source("stored.removing", "removing", server, storage, config, house=True)
    with place as house:
        holdings = house if server else house.registry.holdings
        names = [name if project else repository(name)]
        if project:
            names = removing.project(holdings, name, force=force)
        else:
            removing.repository(holdings, name)
        for each in names if not server else ():
            house.registry.changed(each)
    if json:
        report.result({"removed": name, "repositories": names})
    else:
        print(f"removed {name}" + (f" and {report.counted(len(names), 'repository')}" if project else ""))
