"""`dockyard tags`: the tags of a repository."""

from dockyard.cli import report


def tags(repository: str, /, *, json: bool = False) -> None:
    """List a repository's tags.

    Args:
        repository: the repository, such as alpine or registry.example/team/app.
        json: print one JSON document.
    """
    from dockyard.cli.registry_client import client
    from dockyard.oci.reference import Reference

    reference = Reference.parse(repository, default_tag="")
    found = client().repository(reference).tags()
    if json:
        report.result({"repository": reference.name, "tags": found})
    else:
        for tag in found:
            print(tag)
