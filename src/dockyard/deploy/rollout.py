"""What commands ask of an application's supervisor: deploy, undo, stop, status."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from dockyard._internal import process
from dockyard._internal.lock import locked, try_locked
from dockyard.deploy import state as files
from dockyard.deploy.settings import DeploySettings, HealthSettings, check, seconds
from dockyard.deploy.state import Desired, Health, Outcome, Revision, State
from dockyard.errors import Error, RolledBackError, TransientError, UsageError
from dockyard.images.image import Image
from dockyard.progress import SILENT, Progress
from dockyard.runtime.rootfs import lower_dirs, need_root
from dockyard.runtime.user import resolve_user

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class PortInUseError(TransientError):
    """Another process listens on the port that people are to use, so the application cannot be reached there."""

    reference = "deploy-port-taken"
    hint = "Stop the other process, or choose another port in [deploy]."


class AppUnknownError(UsageError):
    """No application of that name is deployed here."""

    reference = "app-unknown"
    hint = "`dockyard status` lists them. What root has deployed only root sees."


class NothingToUndoError(UsageError):
    """There is no earlier version to go back to."""

    reference = "nothing-to-undo"
    hint = "`dockyard status` shows the versions that are kept."


class CommandMissingError(UsageError):
    """The image has neither ENTRYPOINT nor CMD, so there is nothing to start."""

    reference = "command-missing"
    hint = "Add an ENTRYPOINT to its Dockerfile."


class RolloutFailedError(RolledBackError):
    """A new version did not become healthy; it got no traffic, and what served before serves on."""

    reference = "rollout-failed"
    hint = "Mend the version and deploy again. The whole log: dockyard logs APP"


class SupervisorGoneError(Error):
    """The process that carries a rollout out ended unexpectedly; its log says why."""

    reference = "supervisor-gone"
    hint = "Run the same command again: the rollout begins anew and nothing that serves is touched."


@dataclass(frozen=True)
class Rollout:
    """How a rollout ended well."""

    app: str
    revision: Revision
    outcome: Outcome
    already: bool = False

    def to_json(self) -> dict[str, Any]:
        """As results and records print it."""
        return {
            "app": self.app,
            "revision": self.revision.number,
            "image": self.revision.reference,
            "digest": self.revision.digest,
            "port": self.revision.port,
            "already_running": self.already,
            "steps": dict(self.outcome.steps),
        }


def app_folder(data: Path, name: str) -> Path:
    """Where the application keeps its state.

    Raises:
        UsageError: `name` cannot be an application's.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"not a name for an application: {name!r}", hint="Use lower-case letters, digits and dashes.")
    return data / "apps" / name


def deploy(
    image: Image,
    reference: str,
    *,
    name: str,
    settings: DeploySettings,
    health: HealthSettings,
    data: Path,
    progress: Progress = SILENT,
) -> Rollout:
    """Roll `image` out as the application `name` and wait until it serves.

    The new version is started beside the old one, gets traffic once it is healthy, and the old one is stopped when
    its requests have ended. A version that is running already is not started again. Interrupting is safe: the
    supervisor goes on, and the same command joins it.

    Args:
        image: what is rolled out; its layers are in the store.
        reference: its name, for people.
        name: the application's.
        settings: `[deploy]` of dockyard.toml.
        health: `[health]`; without a probe the image's HEALTHCHECK is used.
        data: the data folder, which holds the application's state.
        progress: is told of each step.

    Raises:
        RolloutFailedError: it did not become healthy in time; the old version serves on.
        PortInUseError, TargetUnsupportedError, CommandMissingError, RootNeededError: nothing was started.
    """
    need_root()
    check(settings, health)
    process.find("haproxy")
    folder = app_folder(data, name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = _revision(image, reference, settings, health, data, progress)
    with locked(folder / "command.lock"):
        state = files.load(folder)
        desired = files.load_desired(folder)
        serving = state.active
        if serving is not None and serving.revision.same(wanted) and not desired.stopped and _up(folder):
            return Rollout(name, serving.revision, state.outcomes[-1], already=True)
        if serving is None or not _up(folder):
            _check_port(settings.port, folder)
        unfinished = desired.revision
        last = state.outcomes[-1].number if state.outcomes else 0
        if unfinished is None or desired.stopped or unfinished.number <= last or not unfinished.same(wanted):
            highest = max(last, unfinished.number if unfinished else 0)
            wanted = _numbered(wanted, highest + 1)
            files.save_desired(folder, Desired(wanted))
        else:
            wanted = unfinished  # an interrupted deploy of the very same: join it
        return _wait(name, folder, wanted, progress)


def undo(name: str, data: Path, *, progress: Progress = SILENT) -> Rollout:
    """Go back to the version that served before.

    Raises:
        NothingToUndoError: there is none.
        RolloutFailedError: it does not become healthy any more.
    """
    folder = _known(name, data)
    with locked(folder / "command.lock"):
        state = files.load(folder)
        serving = state.active.revision.number if state.active else 0
        earlier = [each for each in state.history if each.number != serving]
        if not earlier:
            raise NothingToUndoError(f"{name} has no earlier version")
        desired = files.load_desired(folder)
        last = max(
            state.outcomes[-1].number if state.outcomes else 0, desired.revision.number if desired.revision else 0
        )
        wanted = _numbered(earlier[-1], last + 1)
        files.save_desired(folder, Desired(wanted))
        return _wait(name, folder, wanted, progress)


def stop(name: str, data: Path) -> None:
    """Stop the application: drain, stop its container, stop haproxy. Its versions are kept for the next deploy.

    Raises:
        AppUnknownError: it was never deployed.
        SupervisorGoneError: it did not stop within a minute.
    """
    folder = _known(name, data)
    with locked(folder / "command.lock"):
        desired = files.load_desired(folder)
        files.save_desired(folder, Desired(desired.revision, stopped=True))
        deadline = time.monotonic() + 60
        _ensure_supervisor(folder)
        while files.load(folder).step != "stopped" or _up(folder):
            if time.monotonic() > deadline:
                raise SupervisorGoneError(f"{name} did not stop", context={"log": folder / "supervisor.log"})
            time.sleep(0.05)


def status(data: Path, name: str = "") -> dict[str, tuple[State, bool]]:
    """The state of one application or all, and whether it is supervised; a lost supervisor is started again."""
    names = [name] if name else sorted(each.parent.name for each in (data / "apps").glob("*/desired.json"))
    found = {}
    for each in names:
        folder = _known(each, data)
        desired = files.load_desired(folder)
        if desired.revision is not None and not desired.stopped:
            _ensure_supervisor(folder)
        found[each] = (files.load(folder), _up(folder))
    return found


def _known(name: str, data: Path) -> Path:
    folder = app_folder(data, name)
    if not (folder / "desired.json").exists():
        raise AppUnknownError(f"no application {name!r} is deployed here")
    return folder


def _revision(
    image: Image, reference: str, settings: DeploySettings, health: HealthSettings, data: Path, progress: Progress
) -> Revision:
    config = image.config.execution
    args = [*map(str, config.get("Entrypoint") or []), *map(str, config.get("Cmd") or [])]
    if not args:
        raise CommandMissingError(f"{reference} has no command to start")
    tree = image.tree(data / "index")
    texts = []
    for path in ("etc/passwd", "etc/group"):
        node = tree.get(path)
        texts.append(tree.read(path, limit=1 << 20) if node is not None and node.entry.kind == "file" else b"")
    user = resolve_user(str(config.get("User") or ""), *texts)
    lowers = [str(path) for path in lower_dirs(image.layers, data, progress)]
    return Revision(
        number=0,
        reference=reference,
        digest=str(image.descriptor.digest),
        lowers=lowers,
        args=args,
        env={"HOME": user.home, **image.config.environment, **settings.env},
        cwd=str(config.get("WorkingDir") or "/"),
        uid=user.uid,
        gid=user.gid,
        groups=list(user.groups),
        health=_health(health, config.get("Healthcheck") or {}),
        port=settings.port,
        drain=seconds(settings.drain),
        stop=seconds(settings.stop),
        stop_signal=_signal(str(config.get("StopSignal") or "SIGTERM")),
    )


def _health(given: HealthSettings, check_: dict[str, Any]) -> Health:
    command = list(given.command)
    test = [str(item) for item in check_.get("Test") or []]
    if not given.http and not command and not given.tcp and len(test) > 1:
        command = test[1:] if test[0] == "CMD" else ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else []
    return Health(
        given.http, command, seconds(given.interval), seconds(given.timeout), given.successes, seconds(given.deadline)
    )


def _signal(text: str) -> str:
    if text.isdigit():
        with contextlib.suppress(ValueError):
            return signal.Signals(int(text)).name
    return text if text.startswith("SIG") else f"SIG{text}"


def _numbered(revision: Revision, number: int) -> Revision:
    return replace(revision, number=number)


def _check_port(port: int, folder: Path) -> None:
    from dockyard.deploy.proxy import Proxy

    proxy = Proxy(folder)
    if proxy.answers() and proxy.port_of() == port:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUseError(f"port {port} is taken: {error.strerror}", context={"port": port}) from error


def _up(folder: Path) -> bool:
    """Whether a supervisor holds the application."""
    with try_locked(folder / "supervisor.lock") as free:
        return not free


def _ensure_supervisor(folder: Path) -> None:
    if _up(folder):
        return
    # The shell ends at once, so the supervisor is nobody's child and leaves no zombie in a long-lived caller.
    detach = 'cd / && "$@" </dev/null >>"$0" 2>&1 &'
    words = [sys.executable, "-m", "dockyard.deploy.supervisor", str(folder.absolute())]
    subprocess.run(["/bin/sh", "-c", detach, str(folder.absolute() / "supervisor.log"), *words], start_new_session=True)
    deadline = time.monotonic() + 15
    while not _up(folder) and time.monotonic() < deadline:
        time.sleep(0.02)


def _wait(name: str, folder: Path, wanted: Revision, progress: Progress) -> Rollout:
    _ensure_supervisor(folder)
    task = progress.start(f"roll out {name} revision {wanted.number}", total=None)
    shown = ""
    gone = 0
    while True:
        state = files.load(folder)
        outcome = next((each for each in state.outcomes if each.number == wanted.number), None)
        if outcome is not None:
            break
        if state.step and state.step != shown:
            shown = state.step
            progress.log(f"{name}: {shown}")
        gone = 0 if _up(folder) else gone + 1
        if gone > 20:
            said = (folder / "supervisor.log").read_text(errors="replace")[-1500:]
            raise SupervisorGoneError(f"the supervisor of {name} ended", context={"log": "\n" + said})
        time.sleep(0.05)
    if not outcome.succeeded:
        serving = state.active.revision if state.active else None
        context: dict[str, object] = {"image": wanted.reference, "why": outcome.reason}
        if outcome.lines:
            context["last lines"] = "\n    ".join(["", *outcome.lines])
        context["serving"] = f"{serving.reference} (revision {serving.number})" if serving else "nothing"
        hint = f"Mend the version and deploy again. The whole log: dockyard logs {name}"
        raise RolloutFailedError(f"{name} revision {wanted.number} was not rolled out", context=context, hint=hint)
    task.done("serving")
    return Rollout(name, wanted, outcome)


def pid(data: Path, name: str) -> int:
    """The number of the supervisor's process, or 0."""
    try:
        number = int((_known(name, data) / "supervisor.pid").read_text())
    except (OSError, ValueError):
        return 0
    return number if os.path.exists(f"/proc/{number}") else 0
