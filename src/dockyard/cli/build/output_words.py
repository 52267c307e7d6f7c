"""The words of `--output`: what each type takes, and what is refused by name."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from dockyard.build.annotations import Annotation, keyed
from dockyard.cli import switch
from dockyard.cli.fields import pairs
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.layers.compress import Compression, Level
    from dockyard.oci.mediatype import Family

_TYPES = ("oci", "docker", "tar", "local", "registry", "store", "image", "cacheonly")
_STANDARD = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_IMAGE = {"name", "compression", "compression-level", "force-compression", "oci-mediatypes", "oci-artifact"}
_PUSHED = {"push", "push-by-digest", "name-canonical", "unpack", "store", "registry.insecure"}
_KEYS = {
    "oci": {"dest", "tar", *_IMAGE},
    "docker": {"dest", "tar", *_IMAGE},
    "tar": {"dest", "platform-split", "attestation-prefix"},
    "local": {"dest", "platform-split", "attestation-prefix", "mode"},
    "registry": {*_PUSHED, *_IMAGE},
    "store": {*_PUSHED, *_IMAGE},
    "image": {*_PUSHED, *_IMAGE},
    "cacheonly": set(),
}
# New layers keep to SOURCE_DATE_EPOCH always, the base never does.
_COMMON = {"type", "rewrite-timestamp", "source-date-epoch"}
_COMPRESSIONS: dict[str, "Compression"] = {"gzip": "gzip", "zstd": "zstd", "none": "none", "uncompressed": "none"}
_LEVELS: dict[str, "Level"] = {"fast": "fast", "dense": "dense"}
# What has one meaning here: any other is refused, with what to do instead.
_FIXED = {
    "oci-artifact": (True, "Leave it out: attestations always name the image that they are about."),
    "registry.insecure": (False, "Say so in config.toml (docs/registries.md)."),
}


class Output(msgspec.Struct, frozen=True):
    """One --output.

    Attributes:
        type: its type.
        dest: where to; `-` is standard output.
        names: instead of the image's names.
        tar: whether an image's layout becomes an archive, not a folder.
        split: whether each platform has a folder of its own; None where it is not said.
        prefix: begins the names of the files with attestations.
        mode: whether what is in a folder stays (copy) or not (delete).
        by_digest: whether it is pushed without a tag.
        kept: whether its names are those of an image in the store.
        compression, level: of new layers; empty where it is not said.
        forced: whether the base's layers get that compression, too.
        family: whose media types; empty where it is not said.
        annotations: of what they say themselves.
    """

    type: str
    dest: str = ""
    names: tuple[str, ...] = ()
    tar: bool = True
    split: bool | None = None
    prefix: str = ""
    mode: Literal["copy", "delete"] = "copy"
    by_digest: bool = False
    kept: bool = True
    compression: str = ""
    level: str = ""
    forced: bool = False
    family: Literal["", "oci", "docker"] = ""
    annotations: tuple[Annotation, ...] = ()


def parse(texts: Sequence[str]) -> list[Output]:
    """The outputs that texts like `type=oci,dest=image.tar` name.

    Raises:
        UsageError: a text is not well formed, says what cannot be done, or needs a destination.
    """
    return [_output(text) for text in texts]


def _output(text: str) -> Output:
    if "=" not in text:
        return _checked(Output("tar", "-") if text == "-" else Output("local", text))
    parts = pairs(text)
    kind = parts.get("type", "")
    if kind not in _TYPES:
        raise UsageError(f"there is no output of type {kind!r}", hint=f"Give one of {', '.join(_TYPES)}.")
    annotations = []
    for name, value in parts.items():
        if kind not in ("tar", "local") and (annotation := keyed(name, value)) is not None:
            annotations.append(annotation)
        elif name not in _KEYS[kind] | _COMMON:
            known = ", ".join(sorted(_KEYS[kind] | _COMMON))
            raise UsageError(f"--output type={kind} does not take {name}", hint=f"It takes {known}.")
        elif name in _FIXED:
            wanted, hint = _FIXED[name]
            if (value if isinstance(wanted, str) else _switch(parts, name)) != wanted:
                raise UsageError(f"--output {name}={value} cannot be done", hint=hint)
    as_tar = _switch(parts, "tar", default=True)
    family: Literal["", "oci", "docker"] = ""
    if "oci-mediatypes" in parts:
        family = "oci" if _switch(parts, "oci-mediatypes") else "docker"
    if kind == "docker" and "dest" not in parts and as_tar:
        kind = "store"  # without a file, Docker's own puts the image where `docker images` finds it
    dest = parts.get("dest", "-" if kind in ("oci", "docker", "tar") else "")
    return _checked(
        Output(
            "registry" if _switch(parts, "push") else kind,
            "-" if dest in _STANDARD else dest,
            tuple(name for name in parts.get("name", "").split(",") if name),
            as_tar,
            _switch(parts, "platform-split") if "platform-split" in parts else None,
            _prefix(parts.get("attestation-prefix", "")),
            _mode(parts.get("mode", "copy")),
            _switch(parts, "push-by-digest"),
            _switch(parts, "store", default=True),
            parts.get("compression", ""),
            parts.get("compression-level", ""),
            _switch(parts, "force-compression"),
            family,
            tuple(annotations),
        )
    )


def _checked(output: Output) -> Output:
    folder = output.type == "local" or not output.tar
    if folder and output.dest in ("", "-"):
        raise UsageError(
            f"an output of type {output.type} needs a folder", hint=f"Write type={output.type},dest=FOLDER."
        )
    if output.type in ("oci", "docker", "tar") and not output.dest:
        raise UsageError("dest= is empty", hint="Give dest=FILE.")
    if output.dest == "-" and sys.stdout.isatty():
        raise UsageError("an archive is not for a terminal", hint="Give dest=FILE.")
    return output


def _prefix(text: str) -> str:
    if "/" in text:
        raise UsageError(f"attestation-prefix={text} leads elsewhere", hint="Give the beginning of a file's name.")
    return text


def _mode(text: str) -> Literal["copy", "delete"]:
    match text:
        case "copy" | "delete":
            return text
    raise UsageError(f"--output has no mode {text!r}", hint="Write mode=copy or mode=delete.")


def _switch(parts: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = parts.get(name)
    if value is None:
        return default
    on = switch.meant(value)
    if on is None:
        raise UsageError(f"--output {name} is true or false, not {value!r}", hint=f"Write {name}=true.")
    return on


class Packing(msgspec.Struct, frozen=True):
    """How new layers are compressed, whether the base's are, too, and whose media types all has."""

    compression: "Compression"
    level: "Level"
    family: "Family" = "oci"
    forced: bool = False


def packing(
    compression: str, level: str, outputs: Sequence[Output], caches: Sequence[Mapping[str, str]] = ()
) -> Packing:
    """What the flags, the outputs and the words of caches say together about compression: one image has one.

    Where nobody names a level, it is dense for what is pushed and fast for everything else. Of numbers, as
    Docker's users write them, up to 3 is fast and more is dense.

    Raises:
        UsageError: they contradict each other, or name what there is not.
    """
    said = [*(output.compression for output in outputs), *(each.get("compression", "") for each in caches)]
    deep = [*(output.level for output in outputs), *(each.get("compression-level", "") for each in caches)]
    kinds = {each for each in (compression, *said) if each}
    levels = {_level(each) for each in (level, *deep) if each}
    if len(kinds) > 1 or len(levels) > 1:
        raise UsageError(
            "outputs and caches have different compressions", hint="Give one --compression for all of them."
        )
    kind = next(iter(kinds), "gzip")
    if kind not in _COMPRESSIONS:
        raise UsageError(f"there is no compression {kind!r}", hint="Give gzip, zstd or none.")
    families = {output.family for output in outputs if output.family}
    if len(families) > 1:
        raise UsageError("outputs have different media types", hint="Give all of them the same oci-mediatypes=.")
    pushed = any(output.type == "registry" for output in outputs)
    return Packing(
        _COMPRESSIONS[kind],
        next(iter(levels), "dense" if pushed else "fast"),
        "docker" if "docker" in families else "oci",
        any(output.forced for output in outputs),
    )


def _level(text: str) -> "Level":
    if text in _LEVELS:
        return _LEVELS[text]
    if text.isascii() and text.isdigit() and int(text) <= 22:
        return "fast" if int(text) <= 3 else "dense"
    raise UsageError(f"there is no compression level {text!r}", hint="Give fast or dense, or a number up to 22.")
