"""The eighteen instructions, typed: what the parse tree means.

Values are as written: variables are not replaced and quotes are still there, since both depend on the stage's
environment (`shell.expand`). Only JSON forms are already plain.
"""

import re
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from dockyard.dockerfile.duration import nanoseconds
from dockyard.dockerfile.fault import DockerfileInvalidError, meant
from dockyard.dockerfile.flags import Flags
from dockyard.dockerfile.mounts import Device, Mount, parse_device, parse_mount
from dockyard.dockerfile.node import KEYWORDS, Heredoc, Node
from dockyard.dockerfile.parser import parse_heredoc
from dockyard.dockerfile.spaces import strip

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_GO_SPACE = "\t\n\f\r "
_SHORTEST = 1_000_000  # nanoseconds; the engine refuses shorter ones


class Instruction(msgspec.Struct, frozen=True):
    """What all instructions have: the node that they were read from, with its lines and its text."""

    node: Node


class From(Instruction, frozen=True):
    """FROM. `name` is in lower case and empty where the stage has none."""

    image: str
    name: str = ""
    platform: str = ""


class Command(Instruction, frozen=True):
    """A command line: `args` is the JSON array, or one string for the shell where `shell` is set."""

    args: tuple[str, ...]
    shell: bool = True


class Run(Command, frozen=True):
    """RUN. `mount_texts` are the values as written; parse them again with `mounts.parse_mount` to expand them."""

    mounts: tuple[Mount, ...] = ()
    mount_texts: tuple[str, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[Device, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


class Cmd(Command, frozen=True):
    """CMD; no arguments at all (`CMD []`) unset the inherited one."""


class Entrypoint(Command, frozen=True):
    """ENTRYPOINT; no arguments at all (`ENTRYPOINT []`) unset the inherited one."""


class Copy(Instruction, frozen=True):
    """COPY. `heredocs` are sources too: files with their content written in the Dockerfile."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


class Add(Instruction, frozen=True):
    """ADD. `unpack` is None where archives are treated by the default: local ones unpacked, remote ones kept."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()
    keep_git_dir: bool | None = None
    checksum: str = ""
    unpack: bool | None = None


class Env(Instruction, frozen=True):
    """ENV: names with values; `legacy` is the form without an equals sign."""

    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


class Label(Instruction, frozen=True):
    """LABEL: names with values; `legacy` is the form without an equals sign."""

    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


class Arg(Instruction, frozen=True):
    """ARG: names with their defaults; None is no default."""

    pairs: tuple[tuple[str, str | None], ...]


class Expose(Instruction, frozen=True):
    """EXPOSE: ports, ranges and protocols as written."""

    ports: tuple[str, ...]


class Volume(Instruction, frozen=True):
    """VOLUME: paths."""

    paths: tuple[str, ...]


class User(Instruction, frozen=True):
    """USER: name or number, with a group after a colon."""

    user: str


class Workdir(Instruction, frozen=True):
    """WORKDIR: a path, relative to the one before."""

    path: str


class Stopsignal(Instruction, frozen=True):
    """STOPSIGNAL: a name or a number."""

    signal: str


class Shell(Instruction, frozen=True):
    """SHELL: what shell forms run under."""

    args: tuple[str, ...]


class Maintainer(Instruction, frozen=True):
    """MAINTAINER: deprecated in favour of a label."""

    name: str


class Onbuild(Instruction, frozen=True):
    """ONBUILD: an instruction for the builds that use this image as their base.

    `text` is kept in the image and read by those builds: whether it is sound shows only then.
    """

    text: str


class Healthcheck(Instruction, frozen=True):
    """HEALTHCHECK. `test` is `("NONE",)`, or begins with CMD or CMD-SHELL; times in nanoseconds, 0 for the default."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


def interpret(node: Node) -> Instruction:
    """The instruction that `node` stands for.

    Raises:
        DockerfileInvalidError: with line, text and a suggestion: an unknown instruction or flag, too few or too many
            arguments, or a value that the instruction does not take.
    """
    reader = _READERS.get(node.keyword)
    if reader is None:
        raise _fail(
            node,
            f"there is no instruction {node.spelled!r}",
            meant(node.spelled.upper(), (each.upper() for each in KEYWORDS)) or "A line begins with an instruction.",
        )
    return reader(node, Flags(node))


def _fail(node: Node, message: str, hint: str | None = None) -> DockerfileInvalidError:
    return DockerfileInvalidError(message, line=node.start_line, text=node.text, hint=hint)


def _needs(node: Node, count: int, what: str) -> None:
    if len(node.args) < count:
        raise _fail(node, f"{node.keyword.upper()} needs {what}", f"Write {_EXAMPLES[node.keyword]}")


def _only(node: Node, what: str) -> str:
    _needs(node, 1, what)
    if len(node.args) > 1:
        raise _fail(node, f"{node.keyword.upper()} takes {what}, nothing else", f"Write {_EXAMPLES[node.keyword]}")
    return node.args[0]


def _from(node: Node, flags: Flags) -> From:
    words = node.args
    if len(words) == 3 and words[1].lower() != "as":
        raise _fail(node, f"{words[1]!r} stands where AS has to", f"Write FROM {words[0]} AS {words[2]}")
    if len(words) not in (1, 3):
        raise _fail(node, "FROM takes an image, or an image AS a name", f"Write {_EXAMPLES['from']}")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise _fail(
            node,
            f"{words[2]!r} cannot be the name of a stage",
            "Begin with a letter; then letters, digits, - _ .",
        )
    return From(node, words[0], name, flags.one("platform"))


def _line(node: Node) -> tuple[str, ...]:
    """The command line; nothing at all is the shell's empty command."""
    return node.args if node.args or node.json else ("",)


def _run(node: Node, flags: Flags) -> Run:
    network = flags.one("network") if "network" in flags.values else "default"
    security = flags.one("security") if "security" in flags.values else "sandbox"
    for name, value, known in (
        ("network", network, ("default", "none", "host")),
        ("security", security, ("sandbox", "insecure")),
    ):
        if value not in known:
            raise _fail(
                node,
                f"--{name} takes {' or '.join(known)}, not {value!r}",
                meant(value, known, prefix=f"--{name}="),
            )
    texts = flags.many("mount")
    mounts = tuple(parse_mount(text, line=node.start_line) for text in texts)
    devices = tuple(parse_device(text, line=node.start_line) for text in flags.many("device"))
    return Run(node, _line(node), not node.json, mounts, texts, network, security, devices, node.heredocs)


def _sources(node: Node) -> tuple[tuple[str, ...], tuple[Heredoc, ...], str]:
    """The paths that are copied, the heredocs, and where they go."""
    _needs(node, 2, "at least one source and a destination")
    *sources, destination = node.args
    if parse_heredoc(destination) is not None:
        raise _fail(node, "the destination cannot be a heredoc", f"Write {_EXAMPLES[node.keyword]}")
    # Of two heredocs with one name the later one's content counts; one that a JSON array names has none.
    contents = {doc.name: doc.content for doc in node.heredocs}
    opened = [parse_heredoc(word) for word in sources]
    docs = tuple(replace(doc, content=contents.get(doc.name, "")) for doc in opened if doc is not None)
    paths = tuple(word for word, doc in zip(sources, opened, strict=True) if doc is None)
    return paths, docs, destination


def _copy(node: Node, flags: Flags) -> Copy:
    sources, docs, destination = _sources(node)
    return Copy(
        node,
        sources,
        destination,
        docs,
        from_=flags.one("from"),
        chown=flags.one("chown"),
        chmod=flags.one("chmod"),
        link=flags.switch("link") or False,
        parents=flags.switch("parents") or False,
        exclude=flags.many("exclude"),
    )


def _add(node: Node, flags: Flags) -> Add:
    sources, docs, destination = _sources(node)
    return Add(
        node,
        sources,
        destination,
        docs,
        chown=flags.one("chown"),
        chmod=flags.one("chmod"),
        link=flags.switch("link") or False,
        exclude=flags.many("exclude"),
        keep_git_dir=flags.switch("keep-git-dir"),
        checksum=flags.one("checksum"),
        unpack=flags.switch("unpack"),
    )


def _pairs(node: Node) -> tuple[tuple[tuple[str, str], ...], bool]:
    _needs(node, 3, "a name and a value")
    pairs = tuple(zip(node.args[0::3], node.args[1::3], strict=False))
    if any(not name for name, _ in pairs):
        raise _fail(node, "a name before = is empty", f"Write {_EXAMPLES[node.keyword]}")
    return pairs, node.args[2] == ""


def _arg(node: Node, flags: Flags) -> Arg:
    _needs(node, 1, "a name")
    pairs: list[tuple[str, str | None]] = []
    for word in node.args:
        name, equals, value = word.partition("=")
        if not name:
            raise _fail(node, "the name before = is empty", "Write ARG NAME=value")
        pairs.append((name, value if equals else None))
    return Arg(node, tuple(pairs))


def _shell(node: Node, flags: Flags) -> Shell:
    if not node.json or not node.args:
        raise _fail(node, "SHELL needs a JSON array", f"Write {_EXAMPLES['shell']}")
    return Shell(node, node.args)


def _onbuild(node: Node, flags: Flags) -> Onbuild:
    if node.body is None:
        raise _fail(node, "ONBUILD needs an instruction", f"Write {_EXAMPLES['onbuild']}")
    if node.body.keyword in ("onbuild", "from", "maintainer"):
        raise _fail(node, f"ONBUILD cannot hold {node.body.keyword.upper()}", f"Write {_EXAMPLES['onbuild']}")
    text = re.sub(rf"\A[{_GO_SPACE}]*onbuild[{_GO_SPACE}]*", "", node.text, flags=re.IGNORECASE)
    return Onbuild(node, text + "".join(f"\n{doc.content}{doc.name}" for doc in node.heredocs))


def _healthcheck(node: Node, flags: Flags) -> Healthcheck:
    _needs(node, 1, "NONE, or CMD and a command")
    kind = node.args[0].upper()
    if kind == "NONE":
        if len(node.args) > 1:
            raise _fail(node, "HEALTHCHECK NONE takes nothing else", "Write HEALTHCHECK NONE")
        return Healthcheck(node, ("NONE",))
    if kind != "CMD":
        raise _fail(node, f"HEALTHCHECK takes NONE or CMD, not {node.args[0]!r}", f"Write {_EXAMPLES['healthcheck']}")
    if len(node.args) == 1:
        raise _fail(node, "HEALTHCHECK CMD needs a command", f"Write {_EXAMPLES['healthcheck']}")

    def duration(name: str) -> int:
        text = flags.one(name)
        try:
            value = nanoseconds(text) if text else 0
        except ValueError as error:
            raise _fail(node, f"--{name}: {error}", f"Write --{name}=30s") from error
        if value < 0 or 0 < value < _SHORTEST:
            raise _fail(node, f"--{name}={text} is shorter than 1ms", f"Write --{name}=30s")
        return value

    retries = flags.one("retries")
    if retries and not re.fullmatch(r"\+?0*[0-9]{1,9}|-0+", retries):
        raise _fail(node, f"--retries is a number, not {retries!r}", "Write --retries=3")
    return Healthcheck(
        node,
        ("CMD" if node.json else "CMD-SHELL", *node.args[1:]),
        interval=duration("interval"),
        timeout=duration("timeout"),
        start_period=duration("start-period"),
        start_interval=duration("start-interval"),
        retries=int(retries or 0),
    )


def _several(node: Node, what: str) -> tuple[str, ...]:
    _needs(node, 1, what)
    args = tuple(map(strip, node.args))
    if not all(args):
        raise _fail(node, f"{node.keyword.upper()} has an empty argument", f"Write {_EXAMPLES[node.keyword]}")
    return args


_EXAMPLES = {
    "from": "FROM image:tag AS name",
    "run": "RUN command",
    "copy": "COPY source … destination",
    "add": "ADD source … destination",
    "env": "ENV NAME=value",
    "label": "LABEL name=value",
    "arg": "ARG NAME or ARG NAME=value",
    "expose": "EXPOSE 8080",
    "volume": 'VOLUME ["/data"]',
    "user": "USER name or USER 1000:1000",
    "workdir": "WORKDIR /app",
    "stopsignal": "STOPSIGNAL SIGTERM",
    "shell": 'SHELL ["/bin/sh", "-c"]',
    "maintainer": "MAINTAINER name",
    "onbuild": "ONBUILD RUN command",
    "healthcheck": "HEALTHCHECK CMD command",
}

_READERS: dict[str, Callable[[Node, Flags], Instruction]] = {
    "from": _from,
    "run": _run,
    "cmd": lambda node, flags: Cmd(node, _line(node), not node.json),
    "entrypoint": lambda node, flags: Entrypoint(node, _line(node), not node.json),
    "copy": _copy,
    "add": _add,
    "env": lambda node, flags: Env(node, *_pairs(node)),
    "label": lambda node, flags: Label(node, *_pairs(node)),
    "arg": _arg,
    "expose": lambda node, flags: Expose(node, _several(node, "a port")),
    "volume": lambda node, flags: Volume(node, _several(node, "a path")),
    "user": lambda node, flags: User(node, _only(node, "a user")),
    "workdir": lambda node, flags: Workdir(node, _only(node, "a path")),
    "stopsignal": lambda node, flags: Stopsignal(node, _only(node, "a signal")),
    "shell": _shell,
    "maintainer": lambda node, flags: Maintainer(node, _only(node, "a name")),
    "onbuild": _onbuild,
    "healthcheck": _healthcheck,
}
