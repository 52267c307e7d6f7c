"""A network namespace of a container's own that reaches out through a program in user space."""

import contextlib
import ipaddress
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from dockyard._internal import interrupt, process
from dockyard.errors import Error, UsageError
from dockyard.runtime.apart import die_with_parent
from dockyard.runtime.namespace import ids as namespace_ids

Network = Literal["host", "none", "slirp4netns", "pasta"]
WORDS = ("default", "host", "none", "private", "slirp4netns", "pasta")
# The addresses that slirp4netns gives; pasta is told to use the same, so that steps see one network.
ADDRESS, GATEWAY, RESOLVER = "10.0.2.100", "10.0.2.2", "10.0.2.3"
# What a container calls the machine that it runs on, as Podman and Docker name it.
MACHINE = ("host.containers.internal", "host.docker.internal")
_TUNNEL = "/dev/net/tun"
TUNNEL_ADVICE = f"Let everyone use it, as distributions do: sudo chmod 666 {_TUNNEL}"
_PATIENCE = 20.0


class NetworkFailedError(Error):
    """The network of a container's own could not be set up."""

    reference = "network-failed"
    hint = "Build with --network=host, or look whether slirp4netns or passt is installed: dockyard doctor"


class NetworkUnknownError(UsageError):
    """There is no network of that name."""

    reference = "network-unknown"
    hint = f"Give one of {', '.join(WORDS)}."


def chosen(word: str, *, root: bool) -> Network:
    """What a word for a network means here.

    `default` is the machine's network for root, and one of its own for others where that can be made; `private` is
    one of its own always.

    Raises:
        NetworkUnknownError: the word is none of `WORDS`.
        ProgramMissingError: the program that it needs is not installed.
        NetworkFailedError: this user may not use the device that it needs.
    """
    match word:
        case "host" | "none":
            return word
        case "default":
            found = None if root else _program()
            return found if found is not None and os.access(_TUNNEL, os.R_OK | os.W_OK) else "host"
        case "private":
            found = _program()
            if found is None:
                process.find("slirp4netns")  # says how to install it
        case "slirp4netns" | "pasta":
            process.find(word)
            found = word
        case _:
            raise NetworkUnknownError(f"there is no network {word!r}")
    if found is None or not os.access(_TUNNEL, os.R_OK | os.W_OK):
        raise NetworkFailedError(f"this user may not open {_TUNNEL}", hint=TUNNEL_ADVICE)
    return found


def _program() -> Network | None:
    """The installed program that serves networks."""
    names: tuple[Network, ...] = ("slirp4netns", "pasta")
    for name in names:
        with contextlib.suppress(process.ProgramMissingError):
            process.find(name)
            return name
    return None


def private(network: Network) -> bool:
    """Whether a program has to be attached."""
    return network in ("slirp4netns", "pasta")


def resolver(machine: str) -> str:
    """The /etc/resolv.conf of a private network, made from the machine's: its search list, another name server."""
    kept = [line for line in machine.splitlines() if line.split()[:1] and line.split()[0] in ("search", "options")]
    return "".join(f"{line}\n" for line in [*kept, f"nameserver {RESOLVER}"])


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Proxy variables as they must be inside: one that listens on the machine's loopback is reached by its gateway."""
    return {name: value if name.upper() == "NO_PROXY" else _outward(value) for name, value in environment.items()}


def _outward(address: str) -> str:
    bare = "://" not in address
    try:
        parts = urlsplit(f"//{address}" if bare else address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return address
    loopback = host == "localhost"
    with contextlib.suppress(ValueError):
        loopback = loopback or ipaddress.ip_address(host).is_loopback
    if not loopback:
        return address
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    place = f"{user}{GATEWAY}" + (f":{port}" if port is not None else "")
    changed = urlunsplit(parts._replace(netloc=place))
    return changed.removeprefix("//") if bare else changed


@contextlib.contextmanager
def attached(network: Network, pid: int, folder: Path) -> Iterator[None]:
    """Attach the network namespace of the process `pid`, once it has one, until the block ends.

    Raises:
        NetworkFailedError: the program ended, with its last words, or took too long.
    """
    deadline = time.monotonic() + _PATIENCE
    own = os.readlink("/proc/self/ns/net")
    while _namespace(pid) in (own, ""):
        if time.monotonic() > deadline or _namespace(pid) == "":
            raise NetworkFailedError("the container's network namespace was not made")
        time.sleep(0.001)
    log = folder / "network.log"
    with contextlib.ExitStack() as stack:
        said = stack.enter_context(open(log, "wb"))
        # Held open: pasta gives up the right to look at another process before it opens what it is told to.
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, namespace)
        ready, tell = os.pipe()
        stack.callback(os.close, ready)
        try:
            with interrupt.held():
                child = subprocess.Popen(
                    _words(network, pid, namespace, tell, folder),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    pass_fds=(tell, namespace),
                    preexec_fn=die_with_parent,  # noqa: PLW1509 (it only makes one system call)
                )
                stack.callback(_end, child)
        finally:
            os.close(tell)
        _wait(network, child, ready, folder, deadline)
        yield


def _words(network: Network, pid: int, namespace: int, tell: int, folder: Path) -> list[str]:
    path = process.find(network)
    if network == "slirp4netns":
        return [path, "--configure", "--mtu=65520", f"--ready-fd={tell}", "--enable-seccomp", str(pid), "tap0"]
    return [
        *(path, "--foreground", "--quiet", "--config-net", "--netns-only"),
        *("--address", ADDRESS, "--netmask", "24", "--gateway", GATEWAY, "--dns-forward", RESOLVER, "--ipv4-only"),
        *("--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none"),
        # As root it would become nobody, who may not enter the namespace.
        *(["--runas", "0"] if os.geteuid() == 0 and namespace_ids() == "all" else []),
        *("--pid", str(folder / "network.pid"), "--no-netns-quit", "--netns", f"/proc/self/fd/{namespace}"),
    ]


def _wait(network: Network, child: "subprocess.Popen[bytes]", ready: int, folder: Path, deadline: float) -> None:
    os.set_blocking(ready, False)
    while True:
        if network == "slirp4netns":
            with contextlib.suppress(BlockingIOError):
                if os.read(ready, 1) == b"1":
                    return
        elif (folder / "network.pid").exists() and (folder / "network.pid").stat().st_size:
            return  # pasta writes it once it serves
        if child.poll() is not None or time.monotonic() > deadline:
            words = (folder / "network.log").read_text(errors="replace").strip()[-500:]
            raise NetworkFailedError(f"{network} could not serve the container: {words or 'it said nothing'}")
        time.sleep(0.002)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _namespace(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/net")
    return ""
