"""Where `dockyard build` puts what it built, beside the store."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dockyard._internal import atomic
from dockyard.cli import report
from dockyard.cli.build.output_words import Output
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult
    from dockyard.build.options import Options
    from dockyard.cli.build.attest_words import Wish
    from dockyard.content.layout import Layout
    from dockyard.progress import Progress


def write(
    outputs: list[Output],
    result: "BuildResult",
    names: list[Reference],
    store: "Layout",
    progress: "Progress",
    wish: "Wish",
) -> list[str]:
    """Write every output, and tell where each went. Files are in place once they are complete."""
    return [place for output in outputs if (place := _write(output, result, names, store, progress, wish))]


def _write(
    output: Output,
    result: "BuildResult",
    names: list[Reference],
    store: "Layout",
    progress: "Progress",
    wish: "Wish",
) -> str:
    from dockyard.images import archive

    named = [Reference.parse(name) for name in output.names] or names
    titles = [str(name) for name in named]
    match output.type:
        case "oci" | "docker" if not output.tar:
            _layout(Path(output.dest), titles, result, store, progress)
        case "oci" | "docker":
            if output.type == "docker" and len(result.images) > 1:
                raise UsageError("Docker's archive holds one platform only", hint="Use type=oci, or one --platform.")
            with _to(output.dest) as out:
                archive.write_all(titles, result.descriptor, store, out, docker=output.type == "docker")
        case "tar" | "local":
            from dockyard.cli.build import files as build_files

            if output.type == "local":
                build_files.unpack(output, result, store, wish)
                return output.dest
            with _to(output.dest) as out:
                build_files.pack(output, result, store, wish, out)
        case "registry":
            return _pushed(output, result, named, store, progress)
        case _:
            for name in titles if output.names and output.kept else ():
                store.tag(name, result.descriptor)
            return ""
    return output.dest


def _pushed(
    output: Output, result: "BuildResult", named: list[Reference], store: "Layout", progress: "Progress"
) -> str:
    from dockyard.build.lazy.distant import Spread
    from dockyard.cli.registry_client import client
    from dockyard.registry.push import push

    if not named:
        raise UsageError("an image without a name cannot be pushed", hint="Give it one with -t.")
    if output.by_digest:
        named = [name.with_digest(result.descriptor.digest) for name in named]
    source = Spread(store, result.elsewhere) if result.elsewhere else store
    for name in named:
        bases = {digest: [of.repository] for digest, of in result.origins.items() if of.registry == name.registry}
        push(name, source, result.descriptor, client=client(), mount_from=bases, progress=progress)
    return ", ".join(str(name) for name in named)


def _layout(folder: Path, names: list[str], result: "BuildResult", store: "Layout", progress: "Progress") -> None:
    """The image in an OCI layout: a folder, which may have other images already."""
    from dockyard.content.copy import copy
    from dockyard.content.layout import Layout

    layout = Layout(folder, create=True)
    copy(store, layout, result.descriptor, progress=progress)
    for name in names:
        layout.tag(name, result.descriptor)
    if not names:
        layout.attach(result.descriptor)


@contextlib.contextmanager
def _to(dest: str) -> Iterator[BinaryIO]:
    """What is written to `dest`: a file that appears when it is complete, or standard output."""
    if dest != "-":
        with atomic.output(Path(dest)) as out:
            yield out
        return
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would be written at exit
        raise atomic.OutputClosedError("the reader of standard output closed it early") from error


def files(
    result: "BuildResult", names: list[Reference], store: "Layout", iidfile: Path | None, metadata: Path | None
) -> None:
    """Write the files that other programs read: the image ID, and digests and names as JSON."""
    image_id = str(result.image.manifest.config.digest)
    if iidfile is not None:
        with atomic.output(iidfile) as stream:
            stream.write(image_id.encode())
    if metadata is not None:
        import json

        from dockyard.build.result.statements import said
        from dockyard.signing.statement import PROVENANCE, PROVENANCE_BEFORE

        document: dict[str, Any] = {
            "containerimage.config.digest": image_id,
            "containerimage.descriptor": result.descriptor.to_json(),
            "containerimage.digest": str(result.descriptor.digest),
        }
        for platform, image in result.images.items():
            found = {each.type: each.predicate for each in said(store, result.descriptor, image)}
            provenance = found.get(PROVENANCE) or found.get(PROVENANCE_BEFORE)
            if provenance is not None:
                suffix = f"/{platform}" if len(result.images) > 1 else ""
                document[f"buildx.build.provenance{suffix}"] = provenance
        if result.logs:
            document["buildx.build.ref"] = f"dockyard/local/{Path(result.logs).name}"
        if names:
            document["image.name"] = ",".join(str(name) for name in names)
        with atomic.output(metadata) as stream:
            stream.write(json.dumps(document, indent=2).encode() + b"\n")


def as_json(what: str) -> bool:
    """Whether the words of --print, like `outline,format=json`, ask for JSON.

    Raises:
        UsageError: they ask for something else.
    """
    more = what.partition(",")[2]
    if more not in ("", "format=text", "format=json"):
        raise UsageError(f"--print takes nothing like {more!r}", hint="Write --print outline,format=json.")
    return more == "format=json"


def described(what: str, context: Path, dockerfile: Path | None, options: "Options", *, json: bool) -> None:
    """Print the stages of a Dockerfile, or the arguments, secrets and agents that a target takes.

    Raises:
        UsageError: `what` is neither targets nor outline.
    """
    from dockyard.build.plan import predefined
    from dockyard.build.sources.contexts import read_dockerfile
    from dockyard.dockerfile import outline
    from dockyard.oci.platform import Platform

    path, parsed = read_dockerfile(context, dockerfile)
    json = json or as_json(what)
    what = what.partition(",")[0]
    if what not in ("targets", "outline"):
        raise UsageError(f"--print knows targets and outline, not {what!r}", hint="For checks: dockyard lint")
    if what == "targets":
        stages = outline.targets(parsed)
        if json:
            report.result({"dockerfile": str(path), "targets": stages})
        else:
            rows = [[each["name"] or str(each["number"]), each["base"], each["description"]] for each in stages]
            report.table(["TARGET", "BASE", "DESCRIPTION"], rows)
        return
    platform = (options.platforms or [Platform.host()])[0].normal()
    values = predefined(platform, options.target, options.build_args)
    found = outline.outline(parsed, options.target, options.build_args, values)
    if json:
        report.result({"dockerfile": str(path), **found})
        return
    report.table(
        ["ARGUMENT", "VALUE", "DESCRIPTION"], [[a["name"], a["value"], a["description"]] for a in found["args"]]
    )
    for title in ("secrets", "ssh"):
        for each in found[title]:
            print(f"{title}: {each['id']}{' (required)' if each['required'] else ''}")
