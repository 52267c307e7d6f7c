"""Reading configuration files strictly: an unknown key is an error that names the likely right one."""

import difflib
import re
import typing
from typing import Any, TypeVar

import msgspec

from dockyard.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$(?P<place>.*)`)?")

_ITEM = re.compile(r"\[(\d+|\.\.\.)\]")  # [...] stands for any key or item


class SettingsInvalidError(UsageError):
    """A configuration file cannot be read: it is no TOML or YAML, has an unknown key, or a value of the wrong type."""

    reference = "settings-invalid"
    hint = "Compare it with its page: docs/dockyard-toml.md, registry-toml.md, or registries.md for config.toml."


def decode(raw: bytes, kind: type[T], *, what: str) -> T:
    """The TOML document `raw` as `kind`, whose structs forbid unknown fields. `what` names the file in errors.

    Raises:
        SettingsInvalidError: with the place and, for an unknown key, the nearest known one.
    """
    return _decoded(raw, kind, what, "TOML")


def decode_yaml(raw: bytes, kind: type[T], *, what: str) -> T:
    """The YAML document `raw` as `kind`, as `decode` does it.

    Raises:
        SettingsInvalidError: with the place and, for an unknown key, the nearest known one.
    """
    return _decoded(raw, kind, what, "YAML")


def _decoded(raw: bytes, kind: type[T], what: str, language: str) -> T:
    read = msgspec.toml.decode if language == "TOML" else msgspec.yaml.decode
    try:
        return read(raw, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = _UNKNOWN.search(text)
        if unknown is None:
            raise SettingsInvalidError(f"{what}: {text.replace('`$.', '`')}", context={"file": what}) from error
        place = (unknown["place"] or "").strip(".")
        table = f"[{place}]" if place else "the top level"
        path = _ITEM.sub("", place).split(".") if place else []
        near = difflib.get_close_matches(unknown["key"], _keys(kind, path), 1)
        hint = f"Did you mean `{near[0]}`?" if near else None
        raise SettingsInvalidError(
            f"{what}: unknown key `{unknown['key']}` in {table}", context={"file": what}, hint=hint
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalidError(f"{what} is not {language}: {error}", context={"file": what}) from error


def _keys(kind: Any, path: list[str]) -> list[str]:
    """The keys that the struct found at `path` below `kind` knows."""
    for part in path:
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)} if _is_struct(kind) else {}
        kind = fields.get(part)
        kind = next((each for each in (kind, *typing.get_args(kind)) if _is_struct(each)), None)
    return [field.encode_name for field in msgspec.structs.fields(kind)] if _is_struct(kind) else []


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
