"""A builder that is told to end, or killed before it began."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.builds import Yard
from making.images import image


@pytest.fixture
def yard(
    root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Callable[[Layout, str], Layer]
) -> Yard:
    program("runc")
    yard = Yard(tmp_path)
    base = image(yard.store, rootfs_layer(yard.store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
    yard.store.tag("docker.io/library/busybox:latest", base.descriptor)
    return yard


ENDED = """\
FROM busybox
COPY tree /tree
RUN --mount=type=secret,id=s trap '' INT TERM HUP; touch /begun; cat /tree/*/f* > /all; sleep 5
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_build_that_is_told_to_end_clears_everything_away(yard: Yard, number: signal.Signals, code: int) -> None:
    """In the middle of a copy, and of a command that does not listen."""
    yard.write({f"tree/d{n % 7}/f{n}": os.urandom(200_000) for n in range(200)})
    (yard.context / "Dockerfile").write_text(ENDED)
    shm, groups = set(os.listdir("/dev/shm")), set(Path("/sys/fs/cgroup").glob("*/build-*"))
    moments: list[Callable[[], bool]] = [
        lambda: any((yard.store.path / "ingest").glob("*")),
        lambda: any((yard.data / "work").glob("*/upper/begun")),
    ]
    for moment in moments:
        command = [sys.executable, "-m", "dockyard.cli.main", "build", str(yard.context), "--secret", "id=s,env=SECRET"]
        command = ["env", "--default-signal=HUP,INT", *command]  # ignored below nohup, and in the background
        environment = {**os.environ, "DOCKYARD_HOME": str(yard.data), "SECRET": "hunter2-very-secret"}
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while not moment():
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(number)
        said = child.communicate(timeout=20)[0].decode()
        assert (child.returncode, "run the same command again" in said, "Traceback" in said) == (code, True, False), (
            said
        )
        for folder in (yard.store.path / "ingest", yard.data / "work", yard.data / "run"):
            assert not folder.exists() or [each for each in folder.iterdir() if each.suffix != ".lock"] == []
    own = {each for each in Path("/sys/fs/cgroup").glob("*/build-*") if f"build-{child.pid}-" in each.name}
    assert own - groups == set()
    assert {each for each in set(os.listdir("/dev/shm")) - shm if each.startswith(f"dockyard-{child.pid}")} == set()
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(yard.data) not in processes


def test_a_context_from_standard_input_of_a_build_that_was_killed_is_thrown_away_by_the_next(yard: Yard) -> None:
    command = [sys.executable, "-m", "dockyard.cli.main", "build", "-q", "-"]
    environment = {**os.environ, "DOCKYARD_HOME": str(yard.data)}
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    work = yard.data / "work"
    deadline = time.monotonic() + 20
    while not work.is_dir() or not any(work.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.kill()
    child.communicate()
    assert any(work.iterdir())
    done = subprocess.run(command, env=environment, input=b"FROM busybox\n", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not any(work.iterdir())


def test_what_a_killed_build_worked_in_goes_with_the_next_be_it_cached_or_without_a_run(yard: Yard) -> None:
    (yard.context / "Dockerfile").write_text("FROM busybox\nRUN touch /begun; sleep 60\n")
    command = [sys.executable, "-m", "dockyard.cli.main", "build", "-q", str(yard.context)]
    environment = {**os.environ, "DOCKYARD_HOME": str(yard.data)}
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = yard.data / "work"
    deadline = time.monotonic() + 30
    while not any(work.glob("*/upper/begun")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (yard.context / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert any(work.glob("*/upper/begun")), "of a build that still runs"
    child.kill()
    child.wait()
    time.sleep(0.5)  # what ran below it ends with it, and holds its folders so long
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert not any(work.iterdir())
