"""`dockyard registry rm`: whole repositories and projects."""

from pathlib import Path

from dockyard.cli import report
from dockyard.cli.registry_house import opened
from dockyard.cli.registry_source import refuse

__all__ = ["refuse", "remove"]


def remove(
    name: str,
    /,
    *,
    project: bool = False,
    force: bool = False,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Remove a repository with all its images; blobs that nobody else needs are collected later.

    Args:
        name: the repository, or with --project the project.
        project: remove a project.
        force: with its repositories.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dockyard.server.stored import removing

    with opened(storage, config) as house:
        names = [name]
        if project:
            names = removing.project(house.registry.holdings, name, force=force)
        else:
            removing.repository(house.registry.holdings, name)
        for each in names:
            house.registry.changed(each)
    if json:
        report.result({"removed": name, "repositories": names})
    else:
        print(f"removed {name}" + (f" and {len(names)} repositories" if project else ""))
