"""What earlier builds and the store know about a Dockerfile and its image, gathered for `dockyard lint`."""

from pathlib import Path

from dockyard.cli import context
from dockyard.dockerfile.lint.bases import images
from dockyard.dockerfile.lint.measured import Cost, Measured
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.node import Dockerfile
from dockyard.dockerfile.stages import stages


def layers(image: str) -> Measured:
    """What the layers of `image` in the store show; nothing where no image is named.

    Raises:
        TagNotFoundError: the store has no such image.
    """
    if not image:
        return Measured()
    from dockyard.images import measure
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference

    found = open_image(context.store(), context.resolve(Reference.parse(image)))
    cache = context.data_folder() / "index"
    return Measured({}, measure.leftovers(found, cache=cache), measure.program(found, cache=cache))


def costs(dockerfile: Dockerfile, path: Path, folder: Path) -> dict[int, Cost]:
    """What the steps of `dockerfile` cost when a build of the file `path` in the context `folder` last ran them."""
    from dockyard.build.costs import kept

    data = context.data_folder()
    if not (data / "cache" / "costs").is_dir():
        return {}
    known = kept(data, f"{folder.resolve()}\0{path}")
    found: dict[int, Cost] = {}
    for stage in stages(dockerfile)[1] if known else ():
        for each in stage.instructions:
            text = each.node.shown
            cost = known.get((stage.title, text))
            if cost is not None:
                found[each.node.start_line] = Cost(text, cost.seconds, cost.size)
    return found


def bases(dockerfile: Dockerfile) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The platforms of those bases that lie in the store, and the variables that they set, as FROM names them."""
    from dockyard.content.store import read
    from dockyard.errors import Error
    from dockyard.images.image import open_image
    from dockyard.oci.manifest import Index, parse
    from dockyard.oci.reference import Reference

    platforms: dict[str, tuple[str, ...]] = {}
    variables: dict[str, tuple[str, ...]] = {}
    if not (context.data_folder() / "store").is_dir():
        return platforms, variables
    store = context.store()
    for stage, name, tag, digest in images(Subject.of(dockerfile)):
        image = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
        try:
            descriptor = context.resolve(Reference.parse(image))
            document = parse(read(store, descriptor), descriptor.media_type)
            if isinstance(document, Index):
                there = [str(each.platform) for each in document.manifests if each.platform is not None]
            else:
                there = [str(open_image(store, descriptor).config.platform)]
            platforms[image] = tuple(each for each in there if not each.startswith("unknown"))
            variables[stage.base] = tuple(open_image(store, descriptor).config.environment)
        except Error:
            continue  # it is not here, so nothing is known about it
    return platforms, variables
