"""`dockyard registry copy`: an image from one repository of a registry to another, without its bytes."""

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import image_named, repository


def copy(
    image: str,
    target: str,
    /,
    *,
    override: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Copy an image within a registry, with all its platforms, signatures and SBOMs.

    Args:
        image: such as shop/web:1.0 or shop/web@sha256:….
        target: the other repository, such as prod/web, with a tag where it is to be another one: prod/web:2.0.
        override: move the tag there if it leads to another image.
        at: which registry.
        json: print one JSON document.
    """
    name, reference = image_named(image)
    to, tag = image_named(target) if ":" in target else (repository(target), "")
    within = at.verbs("replication.within", "within")
    with at.instance() as instance:
        registry, gate = (instance, instance) if at.server else (instance.registry, instance.gate)
        done = within.copy(registry, gate, name, reference, to, tag, override=override)
    tagged = f":{done.tag}" if done.tag else ""
    report.told(done.to_json(), f"{done.repository}{tagged} {done.digest}", json=json)
