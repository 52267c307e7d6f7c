"""What a RUN may see and the image must not hold: `--secret` and `--ssh`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from dockyard.errors import UsageError

_MOST_BYTES = 500 << 10  # what BuildKit takes, too


class SecretInvalidError(UsageError):
    """A `--secret` or `--ssh` is not well formed, or what it names is not there or too large."""

    reference = "secret-invalid"
    hint = "Write --secret id=NAME,src=FILE or id=NAME,env=VARIABLE; --ssh default or --ssh ID=SOCKET."


class Secret(msgspec.Struct, frozen=True):
    """A secret: the bytes of a file or of a variable. Its value stands in no `repr`."""

    id: str
    value: bytes

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"


class Agent(msgspec.Struct, frozen=True):
    """An SSH agent's socket."""

    id: str
    socket: Path


def secrets(texts: Iterable[str], environment: Mapping[str, str]) -> dict[str, Secret]:
    """The secrets that texts like `id=token,src=token.txt` or `id=token,env=TOKEN` name, by id.

    `type=file` and `type=env` say which a source is; without one, and without a source, the variable of the id's name
    is taken where it is set, and else the file.

    Raises:
        SecretInvalidError: a text is not well formed, or there is no such file or variable.
    """
    found = {}
    for text in texts:
        parts = dict(_part(each, text) for each in text.split(","))
        unknown = set(parts) - {"type", "id", "src", "source", "env"}
        kind = parts.get("type", "")
        if unknown or kind not in ("", "file", "env"):
            raise SecretInvalidError(f"--secret {text}: {(sorted(unknown) or [kind])[0]!r} is not known")
        source = parts.get("src") or parts.get("source") or ""
        name = parts.get("id") or (os.path.basename(source) if source else parts.get("env", ""))
        if not name:
            raise SecretInvalidError(f"--secret {text} has no id")
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
    """The agents that texts like `default` or `id=/path/to/agent.sock` name, by id.

    Raises:
        SecretInvalidError: there is no such socket, or SSH_AUTH_SOCK is not set.
    """
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        socket = path if equals else environment.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise SecretInvalidError(
                f"--ssh {text}: SSH_AUTH_SOCK is not set", hint="Start an agent: eval $(ssh-agent) && ssh-add"
            )
        if not Path(socket).is_socket():
            raise SecretInvalidError(
                f"--ssh {text}: {socket} is not an agent's socket", hint="Load keys into an agent: ssh-add KEY"
            )
        found[name or "default"] = Agent(name or "default", Path(socket))
    return found


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
