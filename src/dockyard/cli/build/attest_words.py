"""The words of `--sbom`, `--provenance` and `--attest`: which attestations a build makes, and in which form."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from dockyard.build.options import Slsa
from dockyard.cli import switch
from dockyard.cli.fields import pairs
from dockyard.errors import UsageError

_OWN = ("mode", "version", "builder-id", "reproducible", "filename", "inline-only")
_HINT = "Write type=sbom, or type=provenance with mode=min|max, version=v1|v0.2, builder-id=, reproducible=, filename=."


class Wish(msgspec.Struct, frozen=True):
    """The attestations that were asked for.

    Attributes:
        sbom: whether an SBOM is.
        provenance: how much of it; empty is none.
        slsa: its form.
        filename: of provenance beside files.
        inline: whether provenance stands in images alone, not beside files.
    """

    sbom: bool = False
    provenance: Literal["", "min", "max"] = ""
    slsa: Slsa = Slsa()
    filename: str = "provenance.json"
    inline: bool = False


def parse(provenance: str, attest: Sequence[str], *, sbom: bool) -> Wish:
    """What the three say together; of several, the last.

    Raises:
        UsageError: a text is not well formed, or says what there is not.
    """
    wish = Wish(sbom)
    if provenance:
        wish = _provenance(wish, pairs(provenance if "=" in provenance else _short(provenance)), provenance)
    for text in attest:
        parts = pairs(text)
        kind = parts.pop("type", "")
        if kind == "provenance":
            wish = _provenance(wish, parts, text)
            continue
        off = _switch(parts.pop("disabled", "false"), text)
        if kind == "sbom" and "generator" in parts:
            raise UsageError(f"{text}: SBOMs are made here, without a generator's image", hint="Leave generator= out.")
        if kind != "sbom" or parts:
            raise UsageError(f"--attest {text} cannot be done", hint=_HINT)
        wish = msgspec.structs.replace(wish, sbom=not off)
    return wish


def _short(text: str) -> str:
    if text.lower() in ("min", "max"):
        return f"mode={text}"
    on = switch.meant(text)
    if on is None:
        raise UsageError(f"--provenance is true, false, or like mode=max, not {text!r}", hint=_HINT)
    return f"disabled={'false' if on else 'true'}"


def _provenance(wish: Wish, parts: Mapping[str, str], text: str) -> Wish:
    given = dict(parts)
    off = _switch(given.pop("disabled", "false"), text)
    unknown = sorted(set(given) - set(_OWN))
    if unknown:
        raise UsageError(f"{text}: provenance has no {unknown[0]!r}", hint=_HINT)
    version = given.get("version") or "v1"
    filename = given.get("filename") or "provenance.json"
    if version not in ("v1", "v0.2"):
        raise UsageError(f"{text}: there is no provenance of version {version!r}", hint=_HINT)
    if "/" in filename or filename in (".", ".."):
        raise UsageError(f"{text}: {filename} is no file's name", hint=_HINT)
    return msgspec.structs.replace(
        wish,
        provenance="" if off else _mode(given.get("mode") or "max", text),
        slsa=Slsa(
            "v1" if version == "v1" else "v0.2",
            given.get("builder-id", ""),
            _switch(given.get("reproducible", "false"), text),
        ),
        filename=filename,
        inline=_switch(given.get("inline-only", "false"), text),
    )


def _mode(mode: str, text: str) -> Literal["min", "max"]:
    match mode.lower():
        case "min":
            return "min"
        case "max":
            return "max"
    raise UsageError(f"{text}: there is no mode {mode!r}", hint=_HINT)


def _switch(value: str, text: str) -> bool:
    on = switch.meant(value)
    if on is None:
        raise UsageError(f"{text}: {value!r} is neither true nor false", hint=_HINT)
    return on
