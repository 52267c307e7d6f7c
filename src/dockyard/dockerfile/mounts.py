"""`RUN --mount=…`: what is there only while the command runs."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass

from dockyard.dockerfile.fault import DockerfileInvalidError, meant

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_KEYS = {
    "bind": ("target", "from", "source", "readwrite", "readonly"),
    "cache": ("target", "id", "readonly", "readwrite", "sharing", "from", "source", "mode", "uid", "gid"),
    "tmpfs": ("target", "size"),
    "secret": ("target", "id", "source", "env", "required", "mode", "uid", "gid"),
    "ssh": ("target", "id", "required", "mode", "uid", "gid"),
}
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "rw": "readwrite", "ro": "readonly"}
_SIZE = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))?\s*([kmgt]?)i?b?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mount:
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


def parse_mount(text: str, expand: Callable[[str], str] | None = None, *, line: int = 0) -> Mount:
    """The mount that the value of a `--mount` flag describes.

    Args:
        text: the value: comma separated `key=value`, quoted as in CSV.
        expand: replaces variables in every value but `from`. Without it, values that hold a `$` are taken as they
            are and numbers among them are not checked.
        line: for errors.

    Raises:
        DockerfileInvalidError: an unknown type or key, or a value that its key does not take.
    """

    def fail(message: str, hint: str | None = None) -> DockerfileInvalidError:
        return DockerfileInvalidError(message, line=line, text=f"--mount={text}", hint=hint)

    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise fail(f"the mount is not comma separated: {error}") from error
    pairs: list[tuple[str, str, bool]] = []
    for each in fields:
        key, equals, value = each.partition("=")
        key = key.strip().lower()
        key = _ALIASES.get(key, key)
        if expand is not None and key != "from":
            value = expand(value)
        pairs.append((key, value, bool(equals)))
    kind = next((value.lower() for key, value, _ in reversed(pairs) if key == "type"), "bind")
    if kind not in _TYPES:
        raise fail(f"there is no mount type {kind!r}", meant(kind, _TYPES, prefix="type="))
    values: dict[str, object] = {"type": kind, "readonly": kind == "bind"}
    for key, value, given in pairs:
        if key == "type":
            continue
        if key not in _KEYS[kind]:
            raise fail(f"a mount of type {kind} takes no {key!r}", meant(key, _KEYS[kind]))
        if key not in ("readwrite", "readonly", "required") and not given:
            raise fail(f"{key} needs a value", f"Write {key}=…")
        _take(values, key, value, given, fail, literal=expand is None)
    mount = Mount(**values)  # type: ignore[arg-type]
    if not mount.target and kind in ("bind", "cache", "tmpfs"):
        raise fail(f"a mount of type {kind} needs a target", f"Write --mount=type={kind},target=/…")
    if kind == "secret" and not (mount.id or mount.source or mount.target or mount.env):
        raise fail("a secret needs an id", "Write --mount=type=secret,id=name.")
    return mount


def _take(
    values: dict[str, object],
    key: str,
    value: str,
    equals: bool,
    fail: Callable[..., DockerfileInvalidError],
    *,
    literal: bool,
) -> None:
    later = literal and "$" in value  # a variable: checked once it is known
    if key in ("readwrite", "readonly", "required"):
        if equals and value.lower() not in ("true", "false", "1", "0", "t", "f") and not later:
            raise fail(f"{key} is true or false, not {value!r}")
        on = not equals or value.lower() in ("true", "1", "t")
        values["readonly" if key == "readwrite" else key] = on != (key == "readwrite")
    elif later and key in ("mode", "uid", "gid", "size", "sharing"):
        return
    elif key == "mode":
        if not re.fullmatch("[0-7]{1,5}", value):
            raise fail(f"the mode {value!r} is not octal", "Write it like mode=0755.")
        values[key] = int(value, 8)
    elif key in ("uid", "gid"):
        if not re.fullmatch("[0-9]{1,10}", value):
            raise fail(f"{key} is a number, not {value!r}")
        values[key] = int(value)
    elif key == "size":
        match = _SIZE.fullmatch(value)
        if match is None:
            raise fail(f"the size {value!r} is not like 64m or 1g")
        values[key] = int(float(f"{match[1]}.{match[2] or 0}") * 1024 ** " kmgt".index(match[3].lower() or " "))
    elif key == "sharing":
        if value.lower() not in _SHARING:
            raise fail(f"there is no sharing {value!r}", meant(value, _SHARING, prefix="sharing="))
        values[key] = value.lower()
    else:
        values["from_" if key == "from" else key] = value
