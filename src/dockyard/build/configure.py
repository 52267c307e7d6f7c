"""Instructions that change only the configuration: ENV, LABEL, CMD, EXPOSE and so on."""

import ipaddress
import posixpath
import re
from collections.abc import Callable

from dockyard.build import history
from dockyard.build.fault import place
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile.node import Node
from dockyard.errors import UsageError

Expand = Callable[[str], str]
Words = Callable[[str], list[str]]

_NUMBER = r"\+?0*\d{1,5}|-0+"
_PORT = re.compile(rf"(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?(?:/(?P<protocol>(?i:tcp|udp|sctp)?))?", re.ASCII)
_SIGNALS = (
    {"CLD", "STKFLT", "RTMIN", "RTMAX"}
    | {f"RTMIN+{number}" for number in range(1, 16)}
    | {f"RTMAX-{number}" for number in range(1, 15)}
)


class ValueInvalidError(UsageError):
    """An instruction has a value, after its variables are replaced, that it does not take."""

    reference = "value-invalid"


def apply(state: State, instruction: ins.Instruction, expand: Expand, words: Words) -> str | None:
    """Carry `instruction` out on `state` and return how history names it.

    Empty where history does not name it; None if it is of another kind.
    """
    handler = _HANDLERS.get(type(instruction))
    return None if handler is None else str(handler(state, instruction, expand, words))


def command(state: State, instruction: ins.Command) -> list[str]:
    """The command line with the shell before it where the shell form was used."""
    return [*state.shell, " ".join(instruction.args)] if instruction.shell else list(instruction.args)


def _env(state: State, instruction: ins.Env, expand: Expand, words: Words) -> str:
    # One instruction sees the old environment throughout.
    pairs = [(expand(name), expand(value)) for name, value in instruction.pairs]
    for name, value in pairs:
        state.set_env(name, value)
    return "ENV " + " ".join(f"{name}={value}" for name, value in pairs)


def _label(state: State, instruction: ins.Label, expand: Expand, words: Words) -> str:
    pairs = [(expand(name), expand(value)) for name, value in instruction.pairs]
    state.config["Labels"] = {**(state.config.get("Labels") or {}), **dict(pairs)}
    return "LABEL " + " ".join(f"{name}={value}" for name, value in pairs)


def _cmd(state: State, instruction: ins.Cmd, expand: Expand, words: Words) -> str:
    args = command(state, instruction)
    _set(state, "Cmd", args)
    state.config["ArgsEscaped"] = True
    state.command_set = True
    return f"CMD {history.quoted(args)}"


def _set(state: State, name: str, args: list[str] | str) -> None:
    """Set a value of the configuration; an empty one is left out."""
    state.config.pop(name, None)
    if args:
        state.config[name] = args


def _entrypoint(state: State, instruction: ins.Entrypoint, expand: Expand, words: Words) -> str:
    args = command(state, instruction)
    _set(state, "Entrypoint", args)
    if not state.command_set:
        # The inherited command belonged to the inherited entrypoint.
        state.config.pop("Cmd", None)
    return f"ENTRYPOINT {history.quoted(args)}"


def _expose(state: State, instruction: ins.Expose, expand: Expand, words: Words) -> str:
    # Sorted as they are written: variables do not have their values yet.
    written = [word for each in sorted(instruction.ports, key=_bytes) for word in words(each)]
    found = [port for text in written for port in _ports(text, instruction)]
    if found:
        state.config["ExposedPorts"] = {**(state.config.get("ExposedPorts") or {}), **{port: {} for port in found}}
    return f"EXPOSE [{' '.join(found)}]"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _ports(text: str, instruction: ins.Expose) -> list[str]:
    """The ports of one word. `ip:host:container` is taken, too, and only the last part counts."""
    *before, last = text.rsplit(":", 2) if text.count(":") > 1 else text.split(":")
    match = _PORT.fullmatch(last)
    first, final = (int(match["first"]), int(match["last"] or match["first"])) if match else (1, 0)
    sound = match is not None and 0 <= first <= final <= 65535
    if sound and before and before[-1]:
        host = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", before[-1], re.ASCII)
        span = int(host[2] or host[1]) - int(host[1]) if host else -1
        sound = span >= 0 and (span == final - first or final == first)
    if sound and len(before) == 2 and before[0]:
        try:
            ipaddress.ip_address(before[0].strip("[]"))
        except ValueError:
            sound = False
    if match is None or not sound:
        raise ValueInvalidError(
            f"not a port: {text!r}", context=place(instruction.node), hint="Write EXPOSE 8080 or 9000-9002/udp."
        )
    return [f"{number}/{(match['protocol'] or 'tcp').lower()}" for number in range(first, final + 1)]


def _volume(state: State, instruction: ins.Volume, expand: Expand, words: Words) -> str:
    paths = [expand(path) for path in instruction.paths]
    if not all(paths):
        raise ValueInvalidError("an empty path", context=place(instruction.node), hint="Was a variable not set?")
    state.config["Volumes"] = {**(state.config.get("Volumes") or {}), **{path: {} for path in paths}}
    return f"VOLUME [{' '.join(paths)}]"


def _user(state: State, instruction: ins.User, expand: Expand, words: Words) -> str:
    user = expand(instruction.user)
    _set(state, "User", user)
    return f"USER {user}"


def _stopsignal(state: State, instruction: ins.Stopsignal, expand: Expand, words: Words) -> str:
    import signal  # seldom needed

    text = expand(instruction.signal)
    name = text.upper().removeprefix("SIG")
    number = re.fullmatch(r"[+-]?0*([0-9]{1,18})", text)
    known = _SIGNALS | {each.name.removeprefix("SIG") for each in signal.Signals}
    if not (int(number[1]) if number else name in known):
        raise ValueInvalidError(f"not a signal: {text!r}", context=place(instruction.node), hint="Write SIGTERM or 15.")
    state.config["StopSignal"] = text
    return f"STOPSIGNAL {text}"


def _shell(state: State, instruction: ins.Shell, expand: Expand, words: Words) -> str:
    state.config["Shell"] = list(instruction.args)
    return f"SHELL [{' '.join(instruction.args)}]"


def _healthcheck(state: State, instruction: ins.Healthcheck, expand: Expand, words: Words) -> str:
    times = {
        "Interval": instruction.interval,
        "Timeout": instruction.timeout,
        "StartPeriod": instruction.start_period,
        "StartInterval": instruction.start_interval,
        "Retries": instruction.retries,
    }
    given = {key: value for key, value in times.items() if value}
    state.config["Healthcheck"] = {"Test": list(instruction.test), **given}
    test = " ".join(instruction.test)
    spans = " ".join(f"{key}:{history.duration(value)}" for key, value in list(times.items())[:4])
    return f"HEALTHCHECK {{Test:[{test}] {spans} Retries:{instruction.retries}}}"


def _onbuild(state: State, instruction: ins.Onbuild, expand: Expand, words: Words) -> str:
    state.config["OnBuild"] = [*(state.config.get("OnBuild") or []), instruction.text]
    return ""


def _maintainer(state: State, instruction: ins.Maintainer, expand: Expand, words: Words) -> str:
    state.author = instruction.name
    return f"MAINTAINER {instruction.name}"


_HANDLERS: dict[type[ins.Instruction], Callable[..., str]] = {
    ins.Env: _env,
    ins.Label: _label,
    ins.Cmd: _cmd,
    ins.Entrypoint: _entrypoint,
    ins.Expose: _expose,
    ins.Volume: _volume,
    ins.User: _user,
    ins.Stopsignal: _stopsignal,
    ins.Shell: _shell,
    ins.Healthcheck: _healthcheck,
    ins.Onbuild: _onbuild,
    ins.Maintainer: _maintainer,
}


def joined(workdir: str, path: str, node: Node) -> str:
    """The absolute path that `path` means in `workdir`.

    Raises:
        ValueInvalidError: `path` is empty.
    """
    if not path:
        raise ValueInvalidError("an empty path", context=place(node), hint="Was a variable not set?")
    return posixpath.normpath(posixpath.join("/", workdir, path)).replace("//", "/")
