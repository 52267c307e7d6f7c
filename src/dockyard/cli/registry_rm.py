"""`dockyard registry rm`: whole repositories and projects."""

from dockyard.cli import report
from dockyard.cli.registry_source import HERE, At
from dockyard.cli.registry_words import repository


def remove(
    name: str,
    /,
    *,
    project: bool = False,
    force: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Remove a repository with all its images; blobs that nobody else needs are collected later.

    Args:
        name: the repository, or with --project the project.
        project: remove a project.
        force: with its repositories.
        at: which registry.
        json: print one JSON document.
    """
    removing = at.verbs("stored.removing", "removing")
    with at.house() as house:
        holdings = house if at.server else house.registry.holdings
        names = [name if project else repository(name)]
        if project:
            names = removing.project(holdings, name, force=force)
        else:
            removing.repository(holdings, name)
        for each in names if not at.server else ():
            house.registry.changed(each)
    if json:
        report.result({"removed": name, "repositories": names})
    else:
        print(f"removed {name}" + (f" and {report.counted(len(names), 'repository')}" if project else ""))
