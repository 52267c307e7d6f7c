"""`dockyard policy`: an image judged by dockyard.toml."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import context, report


def policy(
    image: str,
    /,
    *,
    folder: Path = Path(),
    store: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> int:
    """Judge an image by the policy in dockyard.toml.

    Exit code 1 with every reason when it is denied, 4 when facts are missing.

    Args:
        image: in the registry that its name says, or in the store if the name has no registry.
        folder: where dockyard.toml lies.
        store: judge the image in the store whatever its name.
        json: print the verdict as one JSON document.
    """
    from dockyard.cli.beside import beside
    from dockyard.cli.key_files import public_key
    from dockyard.images.image import open_image
    from dockyard.packages.inventory import inventory
    from dockyard.pipeline.settings import load
    from dockyard.policy.facts import Finding
    from dockyard.policy.gather import gather
    from dockyard.policy.judge import judge
    from dockyard.scan.feed import Feed, FeedMissingError
    from dockyard.scan.match import match

    rules = load(folder).policy
    keys = [public_key(folder / name) for name in rules.keys]
    reference, target, place = beside(image, store=store)
    source = context.store()
    if not source.exists(target):
        from dockyard.cli.registry_client import client
        from dockyard.registry.pull import pull

        pull(reference, source, client=client())
    found = open_image(source, target)
    findings, snapshot = None, ""
    try:
        with Feed(context.data_folder() / "feed.sqlite") as feed:
            held = inventory(found.layers, cache=context.data_folder() / "index")
            findings = [
                Finding(f.id, f"{f.package} {f.version}", f.severity, f.fixed_version, f.aliases)
                for f in match(held, feed)
            ]
            snapshot = str(feed.about["snapshot"])
    except FeedMissingError:
        pass  # the verdict says that it was not scanned
    facts = gather(found, reference, findings=findings, feed=snapshot, keys=keys, place=place)
    verdict = judge(facts, rules)
    if json:
        report.result(verdict.to_json())
        return 0 if verdict.allowed else 1 if any(reason.known for reason in verdict.reasons) else 4
    verdict.demand()
    print(f"allowed: {', '.join(verdict.rules)}")
    return 0
