"""Reading configuration files strictly: an unknown key is an error that names the likely right one."""

import difflib
import re
import typing
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

import msgspec

from dockyard.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)

_PLACE = r"(?: - at `\$(?P<place>.*)`)?$"
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`" + _PLACE)
_LACKING = re.compile(r"Object missing required field `(?P<key>[^`]*)`" + _PLACE)
_NO_WORD = re.compile(r"Invalid enum value '(?P<word>.*)'" + _PLACE, re.DOTALL)
_OTHER_TYPE = re.compile(r"Expected `(?P<wanted>[a-z| ]+)`, got `(?P<found>[a-z]+)`" + _PLACE)
_OTHER_AMOUNT = re.compile(r"Expected `(?:int|float)` (?P<sign>[<>]=) (?P<bound>\S+)" + _PLACE)
_ITEM = re.compile(r"\[(\d+|\.\.\.)\]")  # [...] stands for any key or item
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


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
        said, hint = _said(str(error), kind)
        raise SettingsInvalidError(f"{what}: {said}", context={"file": what}, hint=hint) from error
    except UnicodeDecodeError as error:
        said = f"byte {error.start} is {error.object[error.start]:#04x}"
        raise SettingsInvalidError(f"{what} is not UTF-8: {said}", context={"file": what}) from error
    except msgspec.DecodeError as error:
        raise SettingsInvalidError(f"{what} is not {language}: {error}", context={"file": what}) from error


def _said(text: str, kind: Any) -> tuple[str, str | None]:
    """What the library says is wrong, in words of the file, and a hint where it is likely what was meant."""
    if found := _UNKNOWN.search(text):
        keys = [field.encode_name for field in _fields(_at(kind, found["place"]))]
        return f"unknown key `{found['key']}` in {_table(found['place'])}", _meant(found["key"], keys)
    if found := _LACKING.search(text):
        return f"{_table(found['place'])} lacks `{found['key']}`", None
    if found := _NO_WORD.search(text):
        words = [str(each) for each in _words(_at(kind, found["place"]))]
        most = f"; it may be {', '.join(words)}" if words else ""
        return f"`{_name(found['place'])}` cannot be {found['word'][:80]!r}{most}", _meant(found["word"], words)
    if found := _OTHER_TYPE.search(text):
        wanted = " or ".join(_TYPES.get(each, each) for each in found["wanted"].split(" | ") if each != "null")
        return f"`{_name(found['place'])}` must be {wanted}, not {_TYPES.get(found['found'], found['found'])}", None
    if found := _OTHER_AMOUNT.search(text):
        sign = "at least" if found["sign"] == ">=" else "at most"
        return f"`{_name(found['place'])}` must be {sign} {found['bound']}", None
    return text.replace("`$.", "`"), None


def _name(place: str | None) -> str:
    return (place or "").strip(".") or "the file"


def _table(place: str | None) -> str:
    return f"[{place.strip('.')}]" if place else "the top level"


def _meant(word: str, known: list[str]) -> str | None:
    near = difflib.get_close_matches(word, known, 1)
    return f"Did you mean `{near[0]}`?" if near else None


def _at(kind: Any, place: str | None) -> Any:
    """The type of what stands at `place` in a file of type `kind`; of lists and mappings that of their items."""
    path = _ITEM.sub("", place or "").strip(".")
    for part in path.split(".") if path else ():
        kind = {field.encode_name: field.type for field in _fields(kind)}.get(part)
    return kind


def _fields(kind: Any) -> "tuple[msgspec.structs.FieldInfo, ...]":
    """The fields of the struct that `kind` is or may be or holds."""
    found = next((each for each in _within(kind) if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)
    return msgspec.structs.fields(found) if found is not None else ()


def _words(kind: Any) -> tuple[Any, ...]:
    """The words of the `Literal` that `kind` is or may be or holds."""
    return next((typing.get_args(each) for each in _within(kind) if typing.get_origin(each) is Literal), ())


def _within(kind: Any) -> Iterator[Any]:
    """`kind`, and the types it is made of."""
    yield kind
    if typing.get_origin(kind) is not Literal:
        for each in typing.get_args(kind):
            yield from _within(each)
