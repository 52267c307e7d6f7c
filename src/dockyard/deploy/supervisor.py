"""The process that keeps one application as it is meant to be: `python -m dockyard.deploy.supervisor FOLDER`.

It may be killed at any moment. Containers and haproxy go on without it; the next one takes them over from
`state.json`, puts away a container that was being started, and begins the unfinished rollout anew.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from dockyard._internal.lock import try_locked
from dockyard.deploy import state as files
from dockyard.deploy.proxy import SLOTS, Proxy
from dockyard.deploy.state import Outcome, Revision, Running, State
from dockyard.errors import Error
from dockyard.runtime import service
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.health import Answer, Probe, ask
from dockyard.runtime.rootfs import Overlay
from dockyard.runtime.user import User
from dockyard.telemetry.jsonlog import JsonLog, tail

_PAUSE = 0.1
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")
_KEPT = 5
_UNWELL = 3
_LONGEST_BACKOFF = 30.0


class _FailedError(Exception):
    """A rollout cannot go on."""


class Supervisor:
    """Keeps the application in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state: State = files.load(folder)
        self.proxy = Proxy(folder)
        self._steps: list[tuple[str, float]] = []
        self._next_probe = 0.0
        self._unwell = 0
        self._restart_at = 0.0
        self._pumps: dict[str, threading.Thread] = {}

    def run(self) -> None:
        """Keep it until it is to stop."""
        if self.state.pending is not None:
            self._remove(self.state.pending)
            self.state.pending = None
            self._save("")
        if self.state.active is not None:
            self._pump(self.state.active)
        while True:
            desired = files.load_desired(self.folder)
            if desired.stopped:
                self._stop()
                return
            wanted = desired.revision
            done = self.state.outcomes[-1].number if self.state.outcomes else 0
            if wanted is not None and wanted.number > done:
                self._roll_out(wanted)
            elif self.state.active is not None:
                try:
                    self._watch(self.state.active)
                except (Error, OSError) as error:
                    # A full disk or a taken port may pass; without a supervisor nobody would see that it did.
                    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    time.sleep(1)
            time.sleep(_PAUSE)

    def _roll_out(self, wanted: Revision) -> None:
        self._steps = []
        began = time.monotonic()
        try:
            self._ensure_proxy(wanted.port)
            started = self._start(wanted, self._free_slot())
            self.state.pending = started
            self._save("waiting until healthy")
            self._until_healthy(started)
            self._step("healthy", began)
            self._switch(started)
            self._step("switched", began)
        except (_FailedError, Error, OSError) as error:
            failed, self.state.pending = self.state.pending, None
            lines = self._last_lines(wanted.number)
            if failed is not None:
                self._remove(failed)
            reason = error.message if isinstance(error, Error) else str(error)
            self._finish(Outcome(wanted.number, False, reason, self._steps, lines))
            return
        self._finish(Outcome(wanted.number, True, "", self._steps))

    def _switch(self, started: Running) -> None:
        """Traffic to the new container, then away from the old one, which may finish what it has begun."""
        old = self.state.active
        self.proxy.serve(started.slot, started.port)
        if old is not None:
            self.proxy.drain(old.slot)
        # From here on the new one serves; a supervisor that takes over must know before anything is stopped.
        self.state.active, self.state.pending = started, None
        if old is not None:
            kept = [each for each in self.state.history if each.number != old.revision.number]
            self.state.history = [*kept, old.revision][-_KEPT:]
        self._save("draining")
        self._sweep_others()

    def _sweep_others(self) -> None:
        """Stop whatever is not the active container, after its requests have ended."""
        active = self.state.active
        for folder in sorted((self.folder / "containers").glob("*")):
            if active is None or folder.name != active.container:
                slot = folder.name.rpartition("-")[2]
                revision = active.revision if active is not None else None
                if slot in SLOTS and (active is None or slot != active.slot):
                    self._drained(slot, revision.drain if revision else 0)
                self._stop_container(folder.name, revision)

    def _drained(self, slot: str, longest: float) -> None:
        deadline = time.monotonic() + longest
        with contextlib.suppress(OSError):  # the proxy is gone, and its sessions with it
            while self.proxy.sessions(slot) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.proxy.close(slot)

    def _start(self, revision: Revision, slot: str, restarts: int = 0) -> Running:
        name = f"{self.folder.name}-{revision.number}-{restarts}-{slot}"
        folder = self.folder / "containers" / name
        service.remove(name, folder)
        folder.mkdir(parents=True)
        port = _free_port()
        pipe = folder / "output"
        os.mkfifo(pipe, 0o600)
        # Opened for both: the container holds a reader, too, so it is never ended by a pipe without one.
        handle = os.open(pipe, os.O_RDWR)
        # Our own end is open before anything writes: what a process says before it falls at once is not lost.
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        mounts = [Mount(each, each) for each in _HOST_FILES if Path(each).exists()]
        document = spec(
            args=revision.args,
            env={**revision.env, "PORT": str(port)},
            cwd=revision.cwd,
            user=User(revision.uid, revision.gid, tuple(revision.groups), "/"),
            mounts=mounts,
        )
        lowers = [Path(each) for each in revision.lowers]
        try:
            overlay = Overlay(lowers, folder / "upper", folder / "work")
            pid = service.create(document, overlay=overlay, folder=folder, name=name, output=handle)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(handle)
        running = Running(revision, slot, name, pid, port, time.time(), restarts)
        self._pump(running, reader)
        return running

    def _pump(self, running: Running, reader: int = -1) -> None:
        """Turn the container's output into log lines, in a thread that ends when the container's folder goes."""
        folder = self.folder / "containers" / running.container
        log = JsonLog(
            self.folder / "log.jsonl",
            {"app": self.folder.name, "revision": running.revision.number, "container": running.container},
        )

        def pump() -> None:
            with contextlib.suppress(FileNotFoundError):
                handle = reader if reader >= 0 else os.open(folder / "output", os.O_RDONLY | os.O_NONBLOCK)
                try:
                    while True:
                        # Asked before reading: the last words come before the folder goes.
                        gone = not folder.exists()
                        # A pipe with a writer and nothing in it blocks; one without a writer is at its end.
                        with contextlib.suppress(BlockingIOError):
                            data = os.read(handle, 1 << 16)
                            if data:
                                log.take(data)
                                continue
                        if gone:
                            return
                        time.sleep(0.05)
                finally:
                    log.end()
                    os.close(handle)

        thread = threading.Thread(target=pump, daemon=True)
        thread.start()
        self._pumps[running.container] = thread

    def _until_healthy(self, running: Running) -> None:
        health = running.revision.health
        deadline = time.monotonic() + health.deadline
        well, said = 0, "no answer yet"
        while time.monotonic() < deadline:
            if files.load_desired(self.folder).stopped:
                raise _FailedError("it was told to stop")
            folder = self.folder / "containers" / running.container
            if not service.alive(running.pid, folder):
                raise _FailedError("it ended by itself before it was healthy")
            answer = self._ask(running)
            said = answer.output
            well = well + 1 if answer.healthy else 0
            if well >= health.successes:
                running.said = said
                return
            time.sleep(min(health.interval, 0.25) if well == 0 else health.interval)
        raise _FailedError(f"it was not healthy within {health.deadline:.0f} s; the last probe said: {said}")

    def _ask(self, running: Running) -> Answer:
        health = running.revision.health
        probe = Probe(health.http, health.command, health.timeout)
        folder = self.folder / "containers" / running.container
        return ask(
            probe, running.port, lambda words, most: service.execute(running.container, folder, list(words), most)
        )

    def _watch(self, active: Running) -> None:
        folder = self.folder / "containers" / active.container
        if not self.proxy.answers():
            self._ensure_proxy(active.revision.port)
            self.proxy.serve(active.slot, active.port)
        if not service.alive(active.pid, folder):
            self._restart(active, "it ended by itself")
            return
        if time.monotonic() < self._next_probe:
            return
        self._next_probe = time.monotonic() + active.revision.health.interval
        answer = self._ask(active)
        self._unwell = 0 if answer.healthy else self._unwell + 1
        if (answer.healthy, answer.output) != (active.healthy, active.said):
            active.healthy, active.said = answer.healthy, answer.output
            self._save("")
        if self._unwell >= _UNWELL:
            self._unwell = 0
            self._restart(active, f"it was unhealthy: {answer.output}")

    def _restart(self, active: Running, why: str) -> None:
        """Start the same revision again, with a growing pause."""
        now = time.monotonic()
        if self._restart_at == 0.0:
            pause = min(0.1 * 2 ** min(active.restarts, 10), _LONGEST_BACKOFF)
            self._restart_at = now + pause
            active.healthy, active.said = False, f"{why}; starting again in {pause:.1f} s"
            self._save("restarting")
        if now < self._restart_at:
            return
        self._restart_at = 0.0
        slot = self._free_slot()
        try:
            fresh = self._start(active.revision, slot, active.restarts + 1)
            self.state.pending = fresh
            self._save("restarting")
            self._until_healthy(fresh)
        except (_FailedError, Error, OSError) as error:
            if self.state.pending is not None:
                self._remove(self.state.pending)
                self.state.pending = None
            active.restarts += 1
            active.said = f"{why}; the new start failed: {error}"
            self._save("restarting")
            return
        self.proxy.serve(fresh.slot, fresh.port)
        self.proxy.drain(active.slot)
        self.state.active, self.state.pending = fresh, None
        self._save("")
        self._sweep_others()

    def _ensure_proxy(self, port: int) -> None:
        if self.proxy.answers() and self.proxy.port_of() == port:
            return
        if self.state.proxy:
            self.proxy.stop(self.state.proxy)
        self.state.proxy = self.proxy.start(port)
        self._save("")
        if self.state.active is not None:
            self.proxy.serve(self.state.active.slot, self.state.active.port)

    def _free_slot(self) -> str:
        used = self.state.active.slot if self.state.active is not None else SLOTS[1]
        return SLOTS[1] if used == SLOTS[0] else SLOTS[0]

    def _remove(self, running: Running) -> None:
        service.remove(running.container, self.folder / "containers" / running.container)

    def _stop_container(self, name: str, revision: Revision | None) -> None:
        folder = self.folder / "containers" / name
        number = getattr(signal, revision.stop_signal if revision else "SIGTERM", signal.SIGTERM)
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / "pid").read_text())
            if service.heeds(pid, number):
                service.kill(name, folder, number)
            else:
                # The first process of a container does not get signals that it has no handler for: nothing to wait for.
                service.kill(name, folder, signal.SIGKILL)
            deadline = time.monotonic() + (revision.stop if revision else 5)
            while service.alive(pid, folder) and time.monotonic() < deadline:
                time.sleep(0.05)
        service.remove(name, folder)

    def _stop(self) -> None:
        active = self.state.active
        if active is not None:
            with contextlib.suppress(OSError):  # the proxy is gone: nothing to drain
                self.proxy.drain(active.slot)
            self._drained(active.slot, active.revision.drain)
        for folder in (self.folder / "containers").glob("*"):
            self._stop_container(folder.name, active.revision if active else None)
        if self.state.proxy:
            self.proxy.stop(self.state.proxy)
        if active is not None:
            self.state.history = [*self.state.history, active.revision][-_KEPT:]
        self.state.active, self.state.pending, self.state.proxy = None, None, 0
        self._save("stopped")

    def _last_lines(self, number: int) -> list[str]:
        time.sleep(0.15)  # the pump may still be writing the last words
        return [str(line["message"]) for line in tail(self.folder / "log.jsonl", 60) if line["revision"] == number][
            -20:
        ]

    def _step(self, name: str, began: float) -> None:
        self._steps.append((name, round(time.monotonic() - began, 3)))

    def _finish(self, outcome: Outcome) -> None:
        self.state.outcomes = [*self.state.outcomes, outcome][-20:]
        self._save("")

    def _save(self, step: str) -> None:
        self.state.step = step
        files.save(self.folder, self.state)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(folder: Path) -> None:
    """Supervise the application in `folder`, unless another process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever asks whether a supervisor is there holds the lock for a moment.
    for _ in range(20):
        with try_locked(folder / "supervisor.lock") as mine:
            if mine:
                (folder / "supervisor.pid").write_text(str(os.getpid()))
                Supervisor(folder).run()
                return
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
