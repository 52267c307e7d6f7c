"""`dockyard build`: a Dockerfile and a context into an image in the store."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import bars, context, report
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference


def build(
    folder: str = ".",
    /,
    *,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    tag: Annotated[list[str] | None, Parameter(name=["--tag", "-t"])] = None,
    build_arg: Annotated[list[str] | None, Parameter(name="--build-arg")] = None,
    target: str = "",
    label: list[str] | None = None,
    platform: str = "",
    no_cache: Annotated[bool, Parameter(negative="")] = False,
    pull: Annotated[bool, Parameter(negative="")] = False,
    iidfile: Path | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Build an image from a Dockerfile.

    Args:
        folder: the context: the folder that COPY and ADD take from.
        file: the Dockerfile; `Dockerfile` in the context by default.
        tag: a name for the image; may be given several times.
        build_arg: NAME=value for an ARG, or NAME to take it from the environment.
        target: the stage to build; the last by default.
        label: name=value for a label of the image.
        platform: os/architecture; only this machine's works yet.
        no_cache: carry every step out.
        pull: ask the registry for newer bases.
        iidfile: write the image ID to this file.
        quiet: print only the image ID.
        json: print one JSON document.
    """
    from dockyard._internal import atomic
    from dockyard.build.bases import Bases
    from dockyard.build.build import build as build_image
    from dockyard.cli.fetch import puller
    from dockyard.oci.platform import Platform

    if folder == "-" or "://" in folder:
        raise UsageError(f"a context from {folder!r} is not supported yet", hint="Give a folder.")
    if platform and not Platform.host().satisfies(Platform.parse(platform)):
        raise UsageError(
            f"building for {platform} on {Platform.host()} is not supported yet", hint="Leave --platform out."
        )
    names = [Reference.parse(name) for name in tag or ()]
    store = context.store()
    with bars.shown(quiet=quiet or json) as progress:
        result = build_image(
            Path(folder),
            dockerfile=file,
            store=store,
            data=context.data_folder(),
            bases=Bases(store, puller(progress), always=pull),
            build_args=context.pairs(build_arg, "--build-arg"),
            target=target,
            tags=names,
            labels=context.pairs(label, "--label"),
            epoch=context.epoch(),
            use_cache=not no_cache,
            progress=progress,
        )
    image_id = str(result.image.manifest.config.digest)
    if iidfile is not None:
        atomic.write(iidfile, image_id.encode())
    if json:
        report.result({**result.to_json(), "tags": [str(name) for name in names]})
    elif quiet:
        print(image_id)
    else:
        cached = sum(step.cached for step in result.steps)
        size = sum(layer.descriptor.size for layer in result.image.layers)
        print(f"digest  {result.image.descriptor.digest}")
        print(f"size    {report.size(size)} in {len(result.image.layers)} layers")
        print(f"steps   {len(result.steps)}, {cached} of them cached, {result.seconds:.1f} s")
        for name in names:
            print(f"tagged  {name.familiar}")
