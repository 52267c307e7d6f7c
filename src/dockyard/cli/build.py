"""`dockyard build`: a Dockerfile and a context into an image in the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import bars, context, report
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult


def build(
    folder: str = ".",
    /,
    *,
    file: Annotated[str, Parameter(name=["--file", "-f"])] = "",
    tag: Annotated[list[str] | None, Parameter(name=["--tag", "-t"])] = None,
    build_arg: list[str] | None = None,
    target: str = "",
    label: list[str] | None = None,
    annotation: list[str] | None = None,
    platform: list[str] | None = None,
    build_context: list[str] | None = None,
    secret: list[str] | None = None,
    ssh: list[str] | None = None,
    add_host: list[str] | None = None,
    network: str = "default",
    ca_bundle: Path | None = None,
    allow: list[str] | None = None,
    output: Annotated[list[str] | None, Parameter(name=["--output", "-o"])] = None,
    push: Annotated[bool, Parameter(negative="")] = False,
    compression: Literal["gzip", "zstd", "none"] = "gzip",
    compression_level: Literal["fast", "dense"] = "fast",
    layers: Literal["instruction", "stage", "auto"] = "instruction",
    squash: Annotated[bool, Parameter(negative="")] = False,
    no_cache: Annotated[bool, Parameter(negative="")] = False,
    no_cache_filter: list[str] | None = None,
    sbom: Annotated[bool, Parameter(negative="")] = False,
    provenance: str = "",
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    pull: Annotated[bool, Parameter(negative="")] = False,
    explain: Annotated[bool, Parameter(negative="")] = False,
    print_: Annotated[str, Parameter(name=["--print", "--call"])] = "",
    iidfile: Path | None = None,
    metadata_file: Path | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Build an image from a Dockerfile.

    Args:
        folder: the context: a folder, a Git repository, or `-` for a tar archive or a Dockerfile from standard input.
        file: the Dockerfile; `Dockerfile` in the context by default, `-` for standard input.
        tag: a name for the image; may be given several times.
        build_arg: NAME=value for an ARG, or NAME to take it from the environment.
        target: the stage to build; the last by default.
        label: name=value for a label of the image.
        annotation: name=value for an annotation of the manifest.
        platform: os/architecture, such as linux/arm64; several give an index.
        build_context: NAME=SOURCE for FROM and --from: a folder, oci-layout://, docker-image:// or a Git repository.
        secret: id=NAME,src=FILE or id=NAME,env=VARIABLE for RUN --mount=type=secret.
        ssh: default, or ID=SOCKET, for RUN --mount=type=ssh.
        add_host: NAME:ADDRESS for /etc/hosts in RUN.
        network: of RUN steps that say nothing: default, host, none, or private: a network of the step's own through
            slirp4netns or pasta (name one to choose). Without root that is the default; the step reaches this machine
            as host.containers.internal.
        ca_bundle: certificates that RUN steps trust beside the image's; not in the image. DOCKYARD_CA_BUNDLE does, too.
        allow: security.insecure lets RUN --security=insecure run.
        output: type=oci|docker|tar|local|registry|store,dest=PATH; a folder alone is type=local, `-` a tar archive.
        push: send the image to the registry of its names, as --output type=registry does.
        compression: of new layers: gzip, zstd or none.
        compression_level: fast for what stays here, dense for what is sent often.
        layers: a layer for each instruction, for each stage, or auto: small neighbours merged.
        squash: one layer over the base.
        no_cache: carry every step out.
        no_cache_filter: carry every step of this stage out; may be given several times.
        sbom: attach a list of the image's packages, as SPDX.
        provenance: attach where the image comes from: min (or true), or max for the build arguments, too.
        cache_from: NAME, type=registry,ref=NAME or type=local,src=FOLDER: take what another machine built.
        cache_to: the same with dest=FOLDER; mode=max sends every stage's steps, mounts=true cache mounts, too.
        pull: ask the registry for newer bases.
        explain: tell for every step that ran which of its inputs differed from the run before.
        print_: targets or outline: tell what the Dockerfile has to offer, and build nothing.
        iidfile: write the image ID to this file.
        metadata_file: write digests and names to this file, as JSON.
        quiet: print only the image ID.
        json: print one JSON document.
    """
    from dockyard.build.bases import Bases
    from dockyard.build.build import build as build_image
    from dockyard.build.build import step_cache
    from dockyard.build.secret import agents, secrets
    from dockyard.cli import build_cache, build_input, build_output
    from dockyard.cli.fetch import puller
    from dockyard.oci.platform import Platform
    from dockyard.runtime.network import WORDS, NetworkUnknownError

    if network not in WORDS:
        raise NetworkUnknownError(f"there is no network {network!r}")
    unknown = sorted(set(allow or ()) - {"security.insecure", "network.host"})
    if unknown:
        raise UsageError(f"there is nothing to allow called {unknown[0]!r}", hint="Give security.insecure.")
    if print_:
        with build_input.opened(folder, file) as given:
            build_output.described(print_, given.path, given.dockerfile, target, json=json)
        return
    from dockyard.build import authorities
    from dockyard.build.options import Options

    context.enter_namespace()
    names = [Reference.parse(name) for name in tag or ()]
    sources, sinks = build_cache.parse(cache_from, "--cache-from"), build_cache.parse(cache_to, "--cache-to")
    outputs = build_output.parse([*(output or ()), *(["type=registry"] if push else ())])
    environment = context.environment()
    bundle = ca_bundle or context.ca_bundle()
    options = Options(
        build_args=context.pairs(build_arg, "--build-arg"),
        target=target,
        tags=names,
        labels=context.pairs(label, "--label"),
        annotations=context.pairs(annotation, "--annotation"),
        platforms=[Platform.parse(each) for text in platform or () for each in text.split(",")],
        epoch=context.epoch(),
        uncached=frozenset({*(["*"] if no_cache else ()), *(no_cache_filter or ())}),
        contexts=build_input.contexts(build_context),
        secrets=secrets(secret or (), environment),
        agents=agents(ssh or (), environment),
        hosts=build_input.hosts(add_host),
        network=network,
        certificates=authorities.read(bundle) if bundle else b"",
        insecure="security.insecure" in (allow or ()),
        compression=compression,
        level=compression_level,
        layers="squash" if squash else layers,
        sbom=sbom,
        provenance=build_output.provenance(provenance),
    )
    store = context.store()
    with bars.shown(quiet=quiet or json) as progress, build_input.opened(folder, file, progress) as given:
        cache = step_cache(context.data_folder(), store, options)
        build_cache.take(sources, store, cache, progress)
        result = build_image(
            given.path,
            dockerfile=given.dockerfile,
            store=store,
            data=context.data_folder(),
            bases=Bases(store, puller(progress), always=pull),
            options=options,
            cache=cache,
            progress=progress,
        )
        written = build_output.write(outputs, result, names, store, progress)
        written += build_cache.give(sinks, result, store, progress)
    image_id = str(result.image.manifest.config.digest)
    build_output.files(result, names, iidfile, metadata_file)
    if json:
        report.result({**result.to_json(), "tags": [str(name) for name in names], "outputs": written})
    elif quiet:
        print(image_id)
    elif "-" not in written:
        _tell(result, names, written, explain=explain)


def _tell(result: "BuildResult", names: list[Reference], written: list[str], *, explain: bool) -> None:
    cached = sum(step.cached for step in result.steps)
    size = sum(layer.descriptor.size for layer in result.image.layers)
    print(f"digest  {result.descriptor.digest}")
    print(f"size    {report.size(size)} in {len(result.image.layers)} layers")
    print(f"steps   {len(result.steps)}, {cached} of them cached, {result.seconds:.1f} s")
    for name in names:
        print(f"tagged  {name.familiar}")
    for place in written:
        print(f"wrote   {place}")
    if explain:
        for step in result.steps:
            if step.why:
                print(f"line {step.line}: {step.text[:80]}\n    ran because {step.why} ({step.seconds:.1f} s)")
