"""Where `dockyard build` puts what it built, beside the store."""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dockyard.cli import report
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult
    from dockyard.content.layout import Layout
    from dockyard.progress import Progress

_TYPES = ("oci", "docker", "tar", "local", "registry", "store", "image")


@dataclass(frozen=True)
class Output:
    """One --output: its type, and where to; `-` is standard output."""

    type: str
    dest: str = ""
    name: str = ""


def parse(texts: list[str]) -> list[Output]:
    """The outputs that texts like `type=oci,dest=image.tar` name.

    Raises:
        UsageError: a text is not well formed, or needs a destination.
    """
    found = []
    for text in texts:
        if "=" not in text:
            found.append(Output("tar", "-") if text == "-" else Output("local", text))
            continue
        parts = dict(each.partition("=")[::2] for each in next(csv.reader([text])))
        kind = parts.get("type", "")
        if kind not in _TYPES:
            raise UsageError(f"there is no output of type {kind!r}", hint=f"Give one of {', '.join(_TYPES)}.")
        if parts.get("push") == "true":
            kind = "registry"
        dest = parts.get("dest", "-" if kind in ("oci", "docker", "tar") else "")
        if kind == "local" and dest in ("", "-"):
            raise UsageError("an output of type local needs a folder", hint="Write type=local,dest=FOLDER.")
        if dest == "-" and sys.stdout.isatty():
            raise UsageError("an archive is not for a terminal", hint="Give dest=FILE.")
        found.append(Output(kind, dest, parts.get("name", "")))
    return found


def provenance(text: str) -> Literal["", "min", "max"]:
    """What --provenance says: true, false, min, max or mode=….

    Raises:
        UsageError: something else.
    """
    match text.removeprefix("mode=").lower():
        case "" | "false":
            return ""
        case "true" | "min":
            return "min"
        case "max":
            return "max"
        case _:
            raise UsageError(f"--provenance takes min or max, not {text!r}")


@dataclass(frozen=True)
class Wish:
    """The attestations that were asked for."""

    sbom: bool
    provenance: Literal["", "min", "max"]


def attestations(sbom: bool, provenance_: str, attest: list[str] | None) -> Wish:
    """What --sbom, --provenance and --attest type=sbom or type=provenance,mode=max ask for together.

    Raises:
        UsageError: an --attest is of another type or has other keys.
    """
    wish = Wish(sbom, provenance(provenance_))
    for text in attest or ():
        parts = dict(each.partition("=")[::2] for each in next(csv.reader([text])))
        kind, off = parts.pop("type", ""), parts.pop("disabled", "false").lower() in ("true", "1", "")
        parts.pop("version", "")
        mode = parts.pop("mode", "min") if kind == "provenance" else ""
        if kind not in ("sbom", "provenance") or parts:
            raise UsageError(
                f"--attest {text} cannot be done", hint="Write type=sbom or type=provenance,mode=max; nothing else."
            )
        if kind == "sbom":
            wish = Wish(not off, wish.provenance)
        else:
            wish = Wish(wish.sbom, "" if off else provenance(mode))
    return wish


def write(
    outputs: list[Output], result: "BuildResult", names: list[Reference], store: "Layout", progress: "Progress"
) -> list[str]:
    """Write every output, and tell where each went. Files are in place once they are complete."""
    return [place for output in outputs if (place := _write(output, result, names, store, progress))]


def _write(output: Output, result: "BuildResult", names: list[Reference], store: "Layout", progress: "Progress") -> str:
    from dockyard.images import archive, rootfs

    named = [Reference.parse(output.name)] if output.name else names
    images = {str(name): result.image for name in named} or {str(result.image.descriptor.digest): result.image}
    whole = result.descriptor != result.image.descriptor
    # As BuildKit does it: of several platforms, each has a folder of its own.
    folders = {name.replace("/", "_"): image for name, image in result.images.items()}
    files = folders if len(folders) > 1 else {"": result.image}
    match output.type:
        case "oci":
            titles = [str(name) for name in named] or [str(result.descriptor.digest)]
            if output.dest == "-":
                archive.write_all(titles, result.descriptor, store, sys.stdout.buffer)
            else:
                archive.save_all(titles, result.descriptor, store, Path(output.dest))
        case "docker":
            if whole and len(result.images) > 1:
                raise UsageError("Docker's archive holds one platform only", hint="Use type=oci, or one --platform.")
            if output.dest == "-":
                archive.write(images, sys.stdout.buffer, "docker-archive")
            else:
                archive.save(images, Path(output.dest), "docker-archive")
        case "tar":
            if output.dest == "-":
                rootfs.write(files, sys.stdout.buffer)
            else:
                rootfs.save(files, Path(output.dest))
        case "local":
            for folder, image in files.items():
                rootfs.unpack(image, Path(output.dest) / folder)
        case "registry":
            from dockyard.cli.registry_access import client
            from dockyard.registry.push import push

            if not named:
                raise UsageError("an image without a name cannot be pushed", hint="Give it one with -t.")
            for name in named:
                push(name, store, result.descriptor, client=client(), progress=progress)
            return ", ".join(str(name) for name in named)
        case _:
            return ""
    return output.dest


def files(result: "BuildResult", names: list[Reference], iidfile: Path | None, metadata: Path | None) -> None:
    """Write the files that other programs read: the image ID, and digests and names as JSON."""
    import json

    from dockyard._internal import atomic

    image_id = str(result.image.manifest.config.digest)
    if iidfile is not None:
        atomic.write(iidfile, image_id.encode())
    if metadata is not None:
        target = result.descriptor.to_json()
        if result.descriptor == result.image.descriptor:
            target = {**target, "platform": result.image.config.platform.to_json()}
        document: dict[str, Any] = {
            "containerimage.config.digest": image_id,
            "containerimage.descriptor": target,
            "containerimage.digest": str(result.descriptor.digest),
        }
        if names:
            document["image.name"] = ",".join(str(name) for name in names)
        atomic.write(metadata, json.dumps(document, indent=2).encode() + b"\n")


def described(what: str, context: Path, dockerfile: Path | None, target: str, *, json: bool) -> None:
    """Print the stages of a Dockerfile, or the arguments, secrets and agents that a target takes.

    Raises:
        UsageError: `what` is neither targets nor outline.
    """
    from dockyard.build.contexts import read_dockerfile
    from dockyard.dockerfile import outline

    path, parsed = read_dockerfile(context, dockerfile)
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
    found = outline.outline(parsed, target)
    if json:
        report.result({"dockerfile": str(path), **found})
        return
    report.table(
        ["ARGUMENT", "DEFAULT", "DESCRIPTION"], [[a["name"], a["default"], a["description"]] for a in found["args"]]
    )
    for title in ("secrets", "ssh"):
        for each in found[title]:
            print(f"{title}: {each['id']}{' (required)' if each['required'] else ''}")
