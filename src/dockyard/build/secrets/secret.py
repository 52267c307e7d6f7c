"""What a RUN may see and the image must not hold: `--secret` and `--ssh`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dockyard.build.fault import SecretInvalidError

if TYPE_CHECKING:
    from dockyard.build.secrets.keyring import Keyring

_MOST_BYTES = 500 << 10  # what BuildKit takes, too


class Secret(msgspec.Struct, frozen=True):
    """A secret: the bytes of a file or of a variable. Its value stands in no `repr`."""

    id: str
    value: bytes

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"


class Agent(msgspec.Struct, frozen=True):
    """An SSH agent: the socket of one that runs, or keys for which the build itself answers."""

    id: str
    socket: Path | None = None
    keys: "Keyring | None" = None

    def __repr__(self) -> str:
        return f"Agent(id={self.id!r})"


def secrets(texts: Iterable[str], environment: Mapping[str, str]) -> dict[str, Secret]:
    """The secrets that texts like `id=token,src=token.txt` or `id=token,env=TOKEN` name, by id.

    `type=file` and `type=env` say which a source is; without one, and without a source, the variable of the id's name
    is taken where it is set, and else the file. As with Docker an id is a must, and a text is CSV: with quotes
    around `src=a,b` a path may have commas.

    Raises:
        SecretInvalidError: a text is not well formed, or there is no such file or variable.
    """
    found = {}
    for text in texts:
        parts = dict(_part(each, text) for each in _fields(text))
        unknown = set(parts) - {"type", "id", "src", "source", "env"}
        kind = parts.get("type", "")
        if unknown or kind not in ("", "file", "env"):
            raise SecretInvalidError(f"--secret {text}: {(sorted(unknown) or [kind])[0]!r} is not known")
        source = parts.get("src") or parts.get("source") or ""
        name = parts.get("id", "")
        if not name:
            like = os.path.basename(source) or parts.get("env", "") or "NAME"
            raise SecretInvalidError(
                f"--secret {text} has no id, by which a RUN could ask for it", hint=f"Write --secret id={like},{text}"
            )
        variable = parts.get("env") or (source if kind == "env" else "")
        if not source and not variable:
            variable = name if kind == "env" or (kind == "" and name in environment) else ""
            source = "" if variable else name
        if variable:
            if variable not in environment:
                raise SecretInvalidError(f"--secret {text}: the variable {variable} is not set")
            value = environment[variable].encode("utf-8", "surrogateescape")
        else:
            value = _read(Path(source), text)
        if len(value) > _MOST_BYTES:
            raise SecretInvalidError(f"--secret {name} is larger than {_MOST_BYTES} bytes")
        found[name] = Secret(name, value)
    return found


def agents(texts: Iterable[str], environment: Mapping[str, str]) -> dict[str, Agent]:
    """The agents that texts like `default`, `id=/path/to/agent.sock` or `id=key,key` name, by id.

    Raises:
        SecretInvalidError: there is no such socket, or SSH_AUTH_SOCK is not set.
        KeyUnfitError: a file is no key, or one with a passphrase.
    """
    found = {}
    for text in texts:
        name, _, rest = text.partition("=")
        name = name or "default"
        paths = [Path(each) for each in (rest or environment.get("SSH_AUTH_SOCK", "")).split(",") if each]
        if not paths:
            raise SecretInvalidError(
                f"--ssh {text}: SSH_AUTH_SOCK is not set", hint="Start an agent: eval $(ssh-agent) && ssh-add"
            )
        if not any(path.is_socket() for path in paths) and rest:
            from dockyard.build.secrets.keyring import Keyring, load  # loads much

            found[name] = Agent(name, keys=Keyring([load(path) for path in paths]))
            continue
        if len(paths) > 1:
            raise SecretInvalidError(
                f"--ssh {text}: an agent's socket stands alone", hint="Give it, or keys: --ssh ID=SOCKET"
            )
        if not paths[0].is_socket():
            raise SecretInvalidError(
                f"--ssh {text}: {paths[0]} is not an agent's socket", hint="Start one: eval $(ssh-agent) && ssh-add"
            )
        found[name] = Agent(name, paths[0])
    return found


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    import csv  # seldom needed

    try:
        (fields,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        raise SecretInvalidError(f"--secret {text}: {error}") from error
    return fields


def _part(each: str, text: str) -> tuple[str, str]:
    key, equals, value = each.partition("=")
    if not equals:
        raise SecretInvalidError(f"--secret {text}: {each!r} is not of the form key=value")
    return key.strip().lower(), value


def _read(path: Path, text: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SecretInvalidError(f"--secret {text}: cannot read {path}: {error.strerror}") from error
