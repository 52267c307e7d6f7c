"""The words that `dockyard build` and `dockyard debug` share, and what they become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from dockyard._internal import amounts
from dockyard.build.annotations import Annotation
from dockyard.build.options import Slsa
from dockyard.cli import context, folders
from dockyard.errors import UsageError
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from cyclopts import Parameter  # given by `main` when words are parsed

    from dockyard.build.limits import Limits
    from dockyard.build.options import Options
    from dockyard.cli.build.output_words import Packing


class Flags:
    """What a build is told, beside what becomes of its result.

    The parser needs a dataclass and makes one of it (`cli.call`): what makes them takes longer to load than a build of
    known steps needs for all it does.

    Attributes:
        file: the Dockerfile; `Dockerfile`, `Containerfile` or `dockerfile` in the context by default, `-` for standard
            input.
        build_arg: NAME=value for an ARG, or NAME to take it from the environment.
        target: the stage to build; the last by default.
        platform: os/architecture, such as linux/arm64; several give an index. local is this machine's.
        build_context: NAME=SOURCE for FROM and --from: a folder, oci-layout://, docker-image:// or a Git repository.
        secret: id=NAME,src=FILE or id=NAME,env=VARIABLE for RUN --mount=type=secret.
        ssh: default, ID=SOCKET or ID=KEY,KEY (files of private keys) for RUN --mount=type=ssh.
        add_host: NAME:ADDRESS for /etc/hosts in RUN; host-gateway is this machine's address.
        network: of RUN steps that say nothing: default, host, none, or private: a network of the step's own through
            slirp4netns or pasta (name one to choose). Without root that is the default; the step reaches this machine
            as host.containers.internal.
        ca_bundle: certificates that RUN steps trust beside the image's; not in the image. DOCKYARD_CA_BUNDLE does, too.
        allow: security.insecure lets RUN --security=insecure run, network.host RUN --network=host.
        shm_size: size of /dev/shm in RUN, such as 256m.
        ulimit: NAME=SOFT:HARD for processes in RUN, such as nofile=1024:2048.
        cgroup_parent: the control group that containers of RUN are made in.
        processors: most processors that the build keeps busy at once; all by default.
        memory_budget: most memory that steps under way are reckoned to take, such as 2g; half of what is free by
            default.
        no_cache: carry every step out.
        no_cache_filter: carry every step of this stage out; may be given several times.
        pull: ask the registry for newer bases.
        progress: auto, tty (a live tree), plain, rawjson (an event a line), quiet or none; BUILDKIT_PROGRESS does, too.
    """

    file: Annotated[str, Parameter(name=["--file", "-f"])] = ""
    build_arg: list[str] | None = None
    target: str = ""
    platform: list[str] | None = None
    build_context: list[str] | None = None
    secret: list[str] | None = None
    ssh: list[str] | None = None
    add_host: list[str] | None = None
    network: str = "default"
    ca_bundle: Path | None = None
    allow: list[str] | None = None
    shm_size: str = ""
    ulimit: list[str] | None = None
    cgroup_parent: str = ""
    processors: int = 0
    memory_budget: str = ""
    no_cache: Annotated[bool, Parameter(negative="")] = False
    no_cache_filter: list[str] | None = None
    pull: Annotated[bool, Parameter(negative="")] = False
    progress: str = ""

    def __init__(self, **given: Any) -> None:
        # `given` has some of the attributes above by name; the others are the class's.
        vars(self).update(given)

    def view(self, *, silent: bool) -> str:
        """The form of the progress: what was asked for, or the environment's, or the one that fits."""
        return self.progress or ("quiet" if silent else context.environment().get("BUILDKIT_PROGRESS", "auto"))


SHAPED = (Flags,)
"""Classes that the parser takes for dataclasses."""


class Result(msgspec.Struct, frozen=True):
    """What becomes of the result, where it concerns the build itself."""

    tags: tuple[Reference, ...] = ()
    label: list[str] | None = None
    annotations: Sequence[Annotation] = ()
    packing: Packing | None = None
    layers: Literal["instruction", "stage", "auto", "squash"] = "instruction"
    sbom: bool = False
    provenance: Literal["", "min", "max"] = ""
    slsa: Slsa = Slsa()
    inline: bool = False
    portable: bool = False
    keep: bool = True


def options(flags: Flags, result: Result | None = None) -> Options:
    """The options that the words mean.

    Raises:
        UsageError: a word is not well formed.
    """
    from dockyard.build.options import Options
    from dockyard.build.secrets.secret import agents, secrets
    from dockyard.cli.build import inputs
    from dockyard.cli.build.output_words import Packing
    from dockyard.oci.platform import Platform

    if flags.network != "default":
        from dockyard.runtime.network import WORDS, NetworkUnknownError

        if flags.network not in WORDS:
            raise NetworkUnknownError(f"there is no network {flags.network!r}")
    unknown = sorted(set(flags.allow or ()) - {"security.insecure", "network.host"})
    if unknown:
        raise UsageError(
            f"there is nothing to allow called {unknown[0]!r}", hint="Give security.insecure or network.host."
        )
    if flags.processors < 0:
        raise UsageError("--processors is less than nothing", hint="Give 1 or more.")
    environment = context.environment()
    bundle = flags.ca_bundle or context.ca_bundle()
    result = result or Result()
    packed = result.packing or Packing("gzip", "fast")
    build_args = _build_args(flags.build_arg)
    inline = result.inline or build_args.get("BUILDKIT_INLINE_CACHE", "") in ("1", "true")
    return Options(
        build_args=build_args,
        target=flags.target,
        tags=result.tags,
        labels=context.pairs(result.label, "--label"),
        annotations=result.annotations,
        family=packed.family,
        platforms=[
            Platform.host() if each == "local" else Platform.parse(each)
            for text in flags.platform or ()
            for each in text.split(",")
        ],
        epoch=context.epoch(),
        uncached=frozenset(
            {*(["*"] if flags.no_cache else ()), *(e for t in flags.no_cache_filter or () for e in t.split(","))}
        ),
        contexts=inputs.contexts(flags.build_context),
        secrets=secrets(flags.secret or (), environment),
        agents=agents(flags.ssh or (), environment),
        hosts=inputs.hosts(flags.add_host),
        network=flags.network,
        certificates=_certificates(bundle) if bundle else b"",
        insecure="security.insecure" in (flags.allow or ()),
        host_network="network.host" in (flags.allow or ()),
        processors=flags.processors,
        memory=size(flags.memory_budget, "--memory-budget") if flags.memory_budget else 0,
        limits=limits(flags),
        compression=packed.compression,
        level=packed.level,
        forced=packed.forced,
        layers=result.layers,
        sbom=result.sbom,
        provenance=result.provenance,
        slsa=result.slsa,
        inline=inline,
        portable=inline or result.portable,
        keep=result.keep,
    )


def _build_args(texts: list[str] | None) -> dict[str, str]:
    """The arguments given, and the proxies that Docker's settings have for builds where none is given."""
    given = context.pairs(texts, "--build-arg")
    file = Path(folders.docker_config())
    try:
        if b'"proxies"' not in file.read_bytes():  # as it mostly is: then what reads it is not loaded
            return given
    except OSError:
        return given
    from dockyard.registry.credentials import Credentials, CredentialsInvalidError

    named = {name.upper() for name in given}
    try:
        proxies = Credentials(file).proxies()
    except CredentialsInvalidError:  # told where a registry is asked for
        return given
    return {**{name: value for name, value in proxies.items() if name not in named}, **given}


def _certificates(bundle: Path) -> bytes:
    from dockyard.build.run import authorities

    return authorities.read(bundle)


def limits(flags: Flags) -> Limits:
    """What RUN may use.

    Raises:
        UsageError: a limit is unknown or not well formed.
    """
    from dockyard.build.limits import NAMES, Limits, Ulimit

    found = []
    for text in flags.ulimit or ():
        match = re.fullmatch(r"([a-z]+)=(-?\d{1,19})(?::(-?\d{1,19}))?", text.lower())
        if match is None or match[1] not in NAMES:
            raise UsageError(
                f"--ulimit {text} is not a limit", hint=f"Write NAME=SOFT:HARD with one of {', '.join(NAMES)}."
            )
        soft = int(match[2])
        hard = int(match[3]) if match[3] else soft
        if hard >= 0 and (soft < 0 or soft > hard):
            raise UsageError(f"--ulimit {text}: the soft limit is above the hard one", hint="Write NAME=SOFT:HARD.")
        found.append(Ulimit(match[1], soft, hard))
    group = flags.cgroup_parent
    if (group and not re.fullmatch(r"/?[A-Za-z0-9_.@:-]+(/[A-Za-z0-9_.@:-]+)*", group)) or ".." in group.split("/"):
        raise UsageError(f"--cgroup-parent {group} is no control group", hint="Write a path such as /builds.")
    return Limits(size(flags.shm_size, "--shm-size") if flags.shm_size else 0, tuple(found), group)


def size(text: str, flag: str) -> int:
    """Bytes, as Docker's users write them: 64m, 1g, 1.5GB; k is 1024.

    Raises:
        UsageError: it is no size, or nothing.
    """
    found = amounts.size(text, flag, thousand=1024)
    if found <= 0:
        raise UsageError(f"{flag} {text} is nothing", hint="Write it like 64m or 2g.")
    return found
