"""`RUN --mount=…`: what is there only while the command runs."""

import re
from collections.abc import Callable
from typing import Protocol

import msgspec

from dockyard.dockerfile.fault import DockerfileInvalidError, meant

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_KEYS = (
    *("type", "from", "source", "target", "readonly", "readwrite", "id", "sharing", "required", "size"),
    *("mode", "uid", "gid", "env"),
)
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "rw": "readwrite", "ro": "readonly"}
_SIZE = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))? ?([kmgtp]?)i?b?", re.ASCII | re.IGNORECASE)
_FIELD = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^",]*)(?=,|\Z)', re.DOTALL)
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_MOST_ID = 2**32 - 1


class Mount(msgspec.Struct, frozen=True):
    """One mount of a RUN. `mode` is None where the type's own default holds; `size` is in bytes, 0 for no limit.

    `env` is the variable that a secret's value goes to; `target` is empty where the type has a default.
    """

    type: str = "bind"
    target: str = ""
    source: str = ""
    from_: str = ""
    id: str = ""
    env: str = ""
    readonly: bool = True
    required: bool = False
    sharing: str = "shared"
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0


class Device(msgspec.Struct, frozen=True):
    """One device of a RUN; without one that is required nothing runs."""

    name: str
    required: bool = False


class _Fail(Protocol):
    def __call__(self, message: str, hint: str | None = None) -> DockerfileInvalidError: ...


def parse_mount(text: str, expand: Callable[[str], str] | None = None, *, line: int = 0) -> Mount:
    """The mount that the value of a `--mount` flag describes.

    Args:
        text: the value: comma separated `key=value`, quoted as in CSV.
        expand: replaces variables in the values. Without it, values are taken as far as they make sense, and what is
            wrong with them is left to whoever knows the variables: as with BuildKit, a stage that is not built may be
            wrong in its mounts.
        line: for errors.

    Raises:
        DockerfileInvalidError: an unknown type or key, a value that its key does not take, or keys that do not go
            together.
    """

    def fail(message: str, hint: str | None = None) -> DockerfileInvalidError:
        return DockerfileInvalidError(message, line=line, text=f"--mount={text}", hint=hint)

    checked = expand is not None
    values: dict[str, object] = {"type": "bind"}
    for field in _fields(text, fail):
        key, equals, value = field.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if expand is None and key == "from" and 0 <= value.find("$") < len(value) - 1:
            raise fail("from takes no variable", "Name a stage: FROM $IMAGE AS name, and from=name.")
        if not equals and key not in ("readwrite", "readonly", "required") and checked:
            raise fail(f"{key} needs a value", f"Write {key}=…")
        try:
            _take(values, key, expand(value) if expand is not None else value, fail, equals=bool(equals))
        except DockerfileInvalidError:
            if checked:
                raise
    if checked:
        _go_together(values, fail)
    values.setdefault("readonly", values["type"] not in ("cache", "tmpfs"))
    return Mount(**values)  # type: ignore[arg-type]


def parse_device(text: str, *, line: int = 0) -> Device:
    """The device that the value of a `--device` flag names: `vendor.com/class=name`, with `,required` or not.

    Raises:
        DockerfileInvalidError: it has no name, or a part that a device does not have.
    """

    def fail(message: str, hint: str | None = None) -> DockerfileInvalidError:
        return DockerfileInvalidError(message, line=line, text=f"--device={text}", hint=hint)

    name, required = "", False
    for field in _fields(text, fail):
        key, equals, value = field.partition("=")
        if key.lower() == "required":
            if equals and value not in (*_TRUE, *_FALSE):
                raise fail(f"required is true or false, not {value!r}")
            required = not equals or value in _TRUE
        elif key.lower() == "name" and equals:
            name = value
        elif name:
            raise fail(f"a device has no {key!r}", "Write --device=vendor.com/class=name,required.")
        else:
            name = field
    if not name:
        raise fail("a device needs a name", "Write --device=vendor.com/class=name.")
    return Device(name, required)


def _fields(text: str, fail: _Fail) -> list[str]:
    fields: list[str] = []
    at = 0
    while at <= len(text) and text:
        match = _FIELD.match(text, at)
        if match is None:
            raise fail("the value is not comma separated", "Close every quote; a quote begins a field or is doubled.")
        fields.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        at = match.end() + 1
    return fields


def _take(values: dict[str, object], key: str, value: str, fail: _Fail, *, equals: bool) -> None:
    kind = str(values["type"])
    if key not in _KEYS:
        raise fail(f"a mount has no {key!r}", meant(key, _KEYS))
    if (key == "required" and kind not in ("secret", "ssh")) or (key == "size" and kind != "tmpfs"):
        raise fail(f"a mount of type {kind} takes no {key}", "Name the type first.")
    if key == "type":
        if value.lower() not in _TYPES:
            raise fail(f"there is no mount type {value!r}", meant(value, _TYPES, prefix="type="))
        values[key] = value.lower()
    elif key in ("readwrite", "readonly", "required"):
        if equals and value not in (*_TRUE, *_FALSE):
            raise fail(f"{key} is true or false, not {value!r}")
        on = not equals or value in _TRUE
        values["readonly" if key == "readwrite" else key] = on != (key == "readwrite")
    elif key == "mode":
        values[key] = _number(value, 8, fail, f"the mode {value!r} is not octal", "Write it like mode=0755.")
    elif key in ("uid", "gid"):
        values[key] = _number(value, 10, fail, f"{key} is a number, not {value!r}")
    elif key == "size":
        match = _SIZE.fullmatch(value)
        if match is None:
            raise fail(f"the size {value!r} is not like 64m or 1g")
        values[key] = int(float(f"{match[1]}.{match[2] or 0}") * 1024 ** " kmgtp".index(match[3].lower() or " "))
    elif key == "sharing":
        if value.lower() not in _SHARING:
            raise fail(f"there is no sharing {value!r}", meant(value, _SHARING, prefix="sharing="))
        values[key] = value.lower()
    else:
        values["from_" if key == "from" else key] = value


def _number(value: str, base: int, fail: _Fail, message: str, hint: str | None = None) -> int:
    digits = "[0-7]" if base == 8 else "[0-9]"
    if not re.fullmatch(digits + "{1,16}", value) or int(value, base) > _MOST_ID:
        raise fail(message, hint)
    return int(value, base)


def _go_together(values: dict[str, object], fail: _Fail) -> None:
    kind = values["type"]
    for key in ("mode", "uid", "gid"):
        if key in values and kind in ("bind", "tmpfs"):
            raise fail(f"a mount of type {kind} takes no {key}")
    if "sharing" in values and kind != "cache":
        raise fail(f"a mount of type {kind} takes no sharing")
    if kind == "secret":
        if values.get("from_"):
            raise fail("a secret is taken from nowhere: from does not go with it")
        if not (values.get("id") or values.get("source") or values.get("target")):
            raise fail("a secret needs an id", "Write --mount=type=secret,id=name.")
        if values.get("id") and values.get("source"):
            raise fail("id and source of a secret mean the same", "Leave one of the two out.")
    if kind == "ssh" and values.get("source"):
        raise fail("a mount of type ssh takes no source", "Name the agent with id.")
