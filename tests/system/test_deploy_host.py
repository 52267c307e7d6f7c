"""Rollouts on this host: real runc, real haproxy, real processes that are killed."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.deploy import rollout
from dockyard.deploy.rollout import NothingToUndoError, PortInUseError, Rollout, RolloutFailedError
from dockyard.deploy.settings import DeploySettings, HealthSettings
from dockyard.layers.layer import Layer
from dockyard.telemetry.jsonlog import tail
from making.images import image, layer

SERVE = 'echo \'{"message": "serving"}\'; exec httpd -f -p 127.0.0.1:$PORT -h /www'
Make = Callable[[Layout, str], Layer]


class Host:
    """One application, `web`, on a port of its own."""

    def __init__(self, path: Path, base: Layer, store: Layout) -> None:
        self.data, self.base, self.store = path, base, store
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def deploy(self, version: str, command: str = SERVE, path: str = "/healthz", port: int = 0) -> Rollout:
        files = {"www/index.html": version.encode(), "www/healthz": b"ok"}
        config = {"Entrypoint": ["/bin/sh", "-c", command], "Env": ["PATH=/bin:/usr/bin:/sbin:/usr/sbin"]}
        made = image(self.store, self.base, layer(self.store, files), config=config)
        return rollout.deploy(
            made,
            f"web:{version}",
            name="web",
            settings=DeploySettings(port=port or self.port, drain="3s", stop="2s"),
            health=HealthSettings(http=path, interval="100ms", timeout="1s", deadline="3s"),
            data=self.data,
        )

    def served(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def kill_supervisor(self) -> None:
        number = rollout.pid(self.data, "web")
        os.kill(number, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{number}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
            if Path(f"/proc/{number}/stat").read_text().split()[2] == "Z":
                return


@pytest.fixture
def host(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> Iterator[Host]:
    program("haproxy")
    store = Layout(tmp_path / "store", create=True)
    host = Host(tmp_path, rootfs_layer(store, "busybox-glibc-amd64.tar.gz"), store)
    yield host
    if (tmp_path / "apps" / "web" / "desired.json").exists():
        rollout.stop("web", tmp_path)
    assert not list((tmp_path / "apps" / "web" / "containers").glob("*"))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_a_new_version_takes_over_without_a_lost_request_and_undo_brings_the_old_one_back(host: Host) -> None:
    host.deploy("one")
    assert host.served() == "one"
    answers: list[str] = []
    errors: list[str] = []
    stopping = threading.Event()

    def load() -> None:
        while not stopping.is_set():
            try:
                answers.append(host.served())
            except OSError as error:
                errors.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert host.deploy("two").revision.number == 2
        time.sleep(0.3)
        assert rollout.undo("web", host.data).revision.reference == "web:one"
        time.sleep(0.3)
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert {"one", "two"} == set(answers)
    assert host.served() == "one"


@pytest.mark.parametrize(
    ("command", "path", "reason"),
    [
        (SERVE, "/nothing-here", "status 404"),
        ("echo about to fall >&2; exit 7", "/healthz", "ended by itself"),
        ("sleep 60", "/healthz", "not healthy within 3 s"),
    ],
)
def test_a_version_that_is_ill_gets_no_traffic_and_the_old_one_serves_on(
    host: Host, command: str, path: str, reason: str
) -> None:
    host.deploy("one")
    with pytest.raises(RolloutFailedError) as caught:
        host.deploy("bad", command, path)
    assert reason in caught.value.context["why"]
    assert "web:one" in caught.value.context["serving"]
    assert caught.value.exit_code == 5
    if "fall" in command:
        assert "about to fall" in caught.value.context["last lines"]
    assert host.served() == "one"
    assert host.deploy("three").revision.number == 3
    assert host.served() == "three"


def test_the_same_version_is_not_started_again(host: Host) -> None:
    first = host.deploy("one")
    assert not first.already
    again = host.deploy("one")
    assert again.already
    assert again.revision.number == first.revision.number


def test_a_supervisor_that_is_killed_is_replaced_and_takes_over_what_runs(host: Host) -> None:
    host.deploy("one")
    (before, _) = rollout.status(host.data)["web"]
    host.kill_supervisor()
    assert host.served() == "one", "traffic does not need the supervisor"
    (after, _) = rollout.status(host.data, "web")["web"]
    assert before.active is not None
    assert after.active is not None
    assert before.active.pid == after.active.pid
    host.deploy("two")
    assert host.served() == "two"


def test_a_rollout_whose_supervisor_is_killed_is_begun_anew(host: Host) -> None:
    host.deploy("one")
    failures: list[BaseException] = []

    def deploy() -> None:
        try:
            host.deploy("two", "sleep 1; " + SERVE)
        except BaseException as error:  # noqa: BLE001 (looked at below)
            failures.append(error)

    thread = threading.Thread(target=deploy)
    thread.start()
    time.sleep(0.6)
    host.kill_supervisor()
    assert host.served() == "one"
    thread.join(30)
    done = host.deploy("two", "sleep 1; " + SERVE)
    assert done.revision.number == 2
    assert host.served() == "two"
    assert len(failures) <= 1


def test_a_process_that_dies_is_started_again(host: Host) -> None:
    host.deploy("one")
    (state, _) = rollout.status(host.data)["web"]
    assert state.active is not None
    os.kill(state.active.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        (now, _) = rollout.status(host.data)["web"]
        if now.active is not None and now.active.pid != state.active.pid:
            break
        time.sleep(0.1)
    assert host.served() == "one"


def test_log_lines_are_json_with_revision_and_fields(host: Host) -> None:
    host.deploy("one")
    time.sleep(0.3)
    (line, *_) = tail(host.data / "apps" / "web" / "log.jsonl", 5)
    assert (line["message"], line["revision"], line["app"]) == ("serving", 1, "web")
    assert line["fields"] == {"message": "serving"}


def test_a_taken_port_is_refused_before_anything_starts(host: Host) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUseError) as caught:
            host.deploy("one", port=other.getsockname()[1])
    assert caught.value.exit_code == 3
    assert not (host.data / "apps" / "web" / "containers").exists()


def test_there_is_nothing_to_undo_after_the_first_version(host: Host) -> None:
    host.deploy("one")
    with pytest.raises(NothingToUndoError):
        rollout.undo("web", host.data)
