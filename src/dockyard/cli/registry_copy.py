"""`dockyard registry copy`: an image from one repository of a registry to another, without its bytes."""

from pathlib import Path

from dockyard.cli import report
from dockyard.cli.registry_source import source
from dockyard.cli.registry_words import image_named, repository


def copy(
    image: str,
    target: str,
    /,
    *,
    override: bool = False,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Copy an image within a registry, with all its platforms, signatures and SBOMs.

    Args:
        image: such as shop/web:1.0 or shop/web@sha256:….
        target: the other repository, such as prod/web, with a tag where it is to be another one: prod/web:2.0.
        override: move the tag there if it leads to another image.
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    name, reference = image_named(image)
    to, tag = image_named(target) if ":" in target else (repository(target), "")
    within, place = source("replication.within", "within", server, storage, config, house=True)
    with place as house:
        registry, gate = (house, house) if server else (house.registry, house.gate)
        done = within.copy(registry, gate, name, reference, to, tag, override=override)
    if json:
        report.result(done.to_json())
        return
    at = f":{done.tag}" if done.tag else ""
    print(f"{done.repository}{at} {done.digest}")
