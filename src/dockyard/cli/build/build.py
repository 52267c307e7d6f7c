"""`dockyard build`: a Dockerfile and a context into an image in the store."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from dockyard.build.sources.ahead import Ahead
from dockyard.cli import context, report
from dockyard.cli.build import view
from dockyard.cli.build.flags import Flags, Result, options
from dockyard.cli.build.refused import reduced, refuse
from dockyard.cli.plain import plain
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from cyclopts import Parameter  # given by `main` when words are parsed

    from dockyard.build.build import BuildResult
    from dockyard.build.tools import Halted

__all__ = ["PARSED", "build", "plainly", "reduced", "refuse"]

PARSED = ("dockyard.cli.build.build", "dockyard.cli.build.flags")
"""Modules whose annotations name the parser's own classes."""


def build(
    folder: str = ".",
    /,
    *,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    tag: Annotated[list[str] | None, Parameter(name=["--tag", "-t"])] = None,
    label: list[str] | None = None,
    annotation: list[str] | None = None,
    output: Annotated[list[str] | None, Parameter(name=["--output", "-o"])] = None,
    push: Annotated[bool, Parameter(negative="")] = False,
    load: Annotated[bool, Parameter(negative="")] = False,
    compression: str = "",
    compression_level: str = "",
    layers: Literal["instruction", "stage", "auto"] = "instruction",
    squash: Annotated[bool, Parameter(negative="")] = False,
    sbom: Annotated[bool, Parameter(negative="")] = False,
    provenance: str = "",
    attest: list[str] | None = None,
    cache_from: list[str] | None = None,
    cache_to: list[str] | None = None,
    explain: Annotated[bool, Parameter(negative="")] = False,
    print_: Annotated[str, Parameter(name=["--print", "--call"])] = "",
    check: Annotated[bool, Parameter(negative="")] = False,
    on_error: Literal["stop", "shell"] = "stop",
    iidfile: Path | None = None,
    metadata_file: Path | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    ahead: Annotated[Ahead | None, Parameter(parse=False)] = None,
) -> int:
    """Build an image from a Dockerfile.

    Args:
        folder: the context: a folder, a Git repository, the URL of a tar archive or of a Dockerfile, or `-` for one of
            them from standard input.
        flags: what the build is told.
        tag: a name for the image; may be given several times.
        label: name=value for a label of the image.
        annotation: name=value for an annotation of the manifest; after a colon for others:
            index,manifest[linux/arm64]:name=value, with manifest-descriptor and index-descriptor, too.
        output: type=oci|docker|tar|local|registry|store|cacheonly,dest=PATH; a folder alone is type=local, `-` a tar
            archive. An image takes compression=, compression-level= and annotation.NAME=, too; tar=false makes a
            folder.
        push: send the image to the registry of its names, as --output type=registry does.
        load: put the image into the store, which is done always.
        compression: of new layers: gzip (the default), zstd or none.
        compression_level: fast or dense, or a number; dense for what is pushed and fast for all else by default.
        layers: a layer for each instruction, for each stage, or auto: small neighbours merged.
        squash: one layer over the base.
        sbom: attach a list of the image's packages, as SPDX.
        provenance: attach where the image comes from: max (or true), or min without build arguments and the Dockerfile;
            mode=, version=v1 or v0.2, builder-id=, reproducible=, filename= and inline-only= with commas.
        attest: type=sbom or type=provenance,mode=min|max: the same in Docker's words.
        cache_from: NAME, type=registry,ref=NAME, type=local,src=FOLDER or type=s3,bucket=NAME,region=NAME: take what
            another machine built.
        cache_to: the same with dest=FOLDER, or type=inline: inside the image; mode=max sends every stage's steps,
            mounts=true cache mounts, too.
        explain: tell for every step that ran which of its inputs differed from the run before, and what another order
            would have saved.
        print_: targets or outline: tell what the Dockerfile has to offer; check: judge it. Nothing is built.
        check: judge the Dockerfile, as `dockyard lint` does, and build nothing.
        on_error: shell opens a shell where a RUN has failed.
        iidfile: write the image ID to this file.
        metadata_file: write digests and names to this file, as JSON.
        quiet: print only the image ID.
        json: print one JSON document.
        ahead: what is known of the context already.
    """
    flags = flags or Flags()
    from dockyard.build.annotations import flagged
    from dockyard.build.build import build as build_image
    from dockyard.build.ground import open_journal, step_cache
    from dockyard.build.sources.bases import Bases
    from dockyard.cli.build import attest_words, inputs, output_words
    from dockyard.cli.build import cache as build_cache
    from dockyard.cli.build import output as build_output
    from dockyard.cli.fetch import reacher

    print_ = "" if print_ == "build" else print_
    if check or print_.partition(",")[0] == "check":
        from dockyard.cli.lint.lint import lint

        json = json or build_output.as_json(print_)
        asked = context.pairs(flags.build_arg, "--build-arg").get("BUILDKIT_DOCKERFILE_CHECK")
        return lint(folder, file=flags.file, json=json, check=asked)
    if print_:
        with inputs.opened(folder, flags.file) as given:
            build_output.described(print_, given.path, given.dockerfile, options(flags), json=json)
        return 0
    context.enter_namespace()
    names = [Reference.parse(name) for name in tag or ()]
    sources, sinks = build_cache.parse(cache_from, "--cache-from"), build_cache.parse(cache_to, "--cache-to")
    outputs = output_words.parse([*(output or ()), *(["type=registry"] if push else ())])
    if outputs and all(each.type == "cacheonly" for each in outputs):
        names = []
    wish = attest_words.parse(provenance, attest or (), sbom=sbom)
    result = Result(
        tags=tuple(names),
        label=label,
        annotations=[
            *(each for text in annotation or () for each in flagged(text)),
            *(each for o in outputs for each in o.annotations),
        ],
        packing=output_words.packing(compression, compression_level, outputs, [each.facts for each in sinks]),
        layers="squash" if squash else layers,
        sbom=wish.sbom,
        provenance=wish.provenance,
        slsa=wish.slsa,
        inline=any(each.type == "inline" for each in sinks),
        portable=bool(sinks),
        # What only goes to a registry needs nothing of a base that a registry has, unless something looks into it.
        keep=not outputs or any(each.type != "registry" for each in outputs) or bool(sinks) or wish.sbom,
    )
    chosen = options(flags, result)
    store, data = context.store(), context.data_folder()
    with contextlib.ExitStack() as stack:
        stack.enter_context(store.in_use())  # until outputs and caches are written, too
        shown = stack.enter_context(view.shown(flags.view(silent=quiet or json)))
        journal = open_journal(shown, data, chosen, folder, flags.file)
        given = stack.enter_context(inputs.opened(folder, flags.file, journal, chosen))
        cache = step_cache(data, store, chosen)
        build_cache.take(sources, store, cache, journal)
        built = build_image(
            given.path,
            dockerfile=given.dockerfile,
            store=store,
            data=data,
            bases=Bases(store, reacher(journal), always=flags.pull),
            options=given.told(chosen),
            cache=cache,
            journal=journal,
            halted=_shell(shown) if on_error == "shell" else None,
            ahead=ahead,
        )
        written = build_output.write(outputs, built, names, store, journal, wish)
        written += build_cache.give(sinks, built, store, journal)
    build_output.files(built, names, store, iidfile, metadata_file)
    if json:
        tagged = [] if built.elsewhere else [str(name) for name in names]
        report.result({**built.to_json(), "tags": tagged, "outputs": written})
    elif quiet:
        print(built.image.manifest.config.digest)
    elif "-" not in written:
        _tell(built, names, written, explain=explain)
    return 0


def _shell(shown: view.View) -> Halted:
    from dockyard.cli.build import debug

    return debug.opener(shown)


def plainly(words: Sequence[str], ahead: Ahead | None) -> int | None:
    """Build as `words` say, if they are plain; None, and nothing is done, where the parser has to read them."""
    read = plain(words)
    if read is None:
        return None
    folder, own, flags = read
    return build(folder, flags=Flags(**flags), ahead=ahead, **own)


def _tell(result: BuildResult, names: list[Reference], written: list[str], *, explain: bool) -> None:
    cached = sum(step.cached for step in result.steps)
    size = sum(layer.descriptor.size for layer in result.image.layers)
    print(f"digest  {result.descriptor.digest}")
    print(f"size    {report.size(size)} in {report.counted(len(result.image.layers), 'layer')}")
    print(f"steps   {len(result.steps)}, {cached} of them cached, {result.seconds:.1f} s")
    for name in () if result.elsewhere else names:
        print(f"tagged  {name.familiar}")
    if result.elsewhere:
        print(f"kept    not here: layers of its base that were not needed: {len(result.elsewhere)}")
    for place in written:
        print(f"wrote   {place}")
    if explain:
        from dockyard._internal.cut import cut
        from dockyard.build.order import better

        for step in result.steps:
            if step.why:
                print(f"line {step.line}: {cut(step.text, 80)}\n    ran because {step.why} ({step.seconds:.1f} s)")
        for each in better(result.steps):
            print(f"order: {each}")
