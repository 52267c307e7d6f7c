"""Containers under the real runc."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from dockyard.content.layout import Layout
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter
from dockyard.runtime import container
from dockyard.runtime.bundle import spec
from dockyard.runtime.container import ContainerTimeoutError
from dockyard.runtime.rootfs import Overlay, lower_dirs
from dockyard.runtime.user import User

ROOT = User(0, 0, (), "/root")
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

Make = Callable[[Layout, str], Layer]


class Box:
    """An Alpine root file system to run commands in."""

    def __init__(self, path: Path, make: Make) -> None:
        self.path, self.store = path, Layout(path / "store", create=True)
        self.layer = make(self.store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
        self.overlay = Overlay(lower_dirs([self.layer], path), path / "upper", path / "work")
        self.output = b""

    def run(self, script: str, **options: object) -> int:
        timeout = options.pop("timeout", 30)
        assert isinstance(timeout, int | float)
        document = spec(args=["sh", "-c", script], env=ENV, cwd="/", **{"user": ROOT, **options})  # type: ignore[arg-type]
        name = f"test-{os.getpid()}-{time.monotonic_ns()}"
        return container.run(
            document,
            overlay=self.overlay,
            folder=self.path / "run" / name,
            name=name,
            output=self.take,
            timeout=timeout,
        )

    def take(self, data: bytes) -> None:
        self.output += data


@pytest.fixture
def box(root: None, tmp_path: Path, rootfs_layer: Make) -> Box:
    return Box(tmp_path, rootfs_layer)


def test_output_and_exit_code_come_back_from_a_container_that_is_isolated(box: Box) -> None:
    assert box.run("cat /etc/alpine-release; echo oops >&2; echo $$; exit 7") == 7
    # runc copies the two streams side by side, so their order is not promised.
    assert sorted(box.output.split()) == [b"1", b"3.16.9", b"oops"]
    assert list((box.path / "run").iterdir()) == []
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(box.path) not in mounts


def test_what_a_command_changes_is_a_layer(box: Box) -> None:
    script = "rm /etc/motd; echo new > /etc/new; rm -r /etc/apk; mkdir /etc/apk; touch /etc/apk/x;"
    script += "ln /etc/new /etc/hard; chmod 4755 /bin/busybox"
    assert box.run(script) == 0
    below = FileTree.of([box.layer])
    with LayerWriter(box.store) as writer:
        assert box.overlay.upper is not None
        diff(box.overlay.upper, writer, lower=below)
        changed = writer.commit()
    paths = {entry.path: entry.kind for entry, _ in changed.entries()}
    assert paths["etc/.wh.motd"] == "file"
    assert paths["etc/apk/.wh..wh..opq"] == "file"
    etc = below.get("etc")
    assert etc is not None
    (folder,) = [entry for entry, _ in changed.entries() if entry.path == "etc"]
    assert folder == replace(etc.entry, mtime=folder.mtime)
    assert folder.mtime > etc.entry.mtime
    assert {paths["etc/new"], paths["etc/hard"]} == {"file", "hardlink"}
    merged = FileTree.of([box.layer, changed])
    assert merged.get("etc/motd") is None
    assert [node.path for node in merged.list("etc/apk")] == ["etc/apk/x"]
    busybox = merged.get("bin/busybox")
    assert busybox is not None
    assert busybox.entry.mode == 0o4755
    again = Overlay(lower_dirs([box.layer, changed], box.path), box.path / "upper2", box.path / "work2")
    box.overlay = again
    assert box.run("test ! -e /etc/motd && test ! -e /etc/apk/keys && cat /etc/hard") == 0
    assert box.output.endswith(b"new\n")


def test_another_user_has_no_capabilities(box: Box) -> None:
    assert (
        box.run(
            "id -u; grep CapEff /proc/self/status; touch /etc/x 2>/dev/null || echo refused",
            user=User(1000, 1000, (), "/"),
        )
        == 0
    )
    assert box.output.split() == [b"1000", b"CapEff:", b"0" * 16, b"refused"]


def test_without_network_there_is_only_a_loopback(box: Box) -> None:
    assert box.run("ls /sys/class/net", network="none") == 0
    assert box.output.split() == [b"lo"]


def test_a_container_that_takes_too_long_is_killed(box: Box) -> None:
    with pytest.raises(ContainerTimeoutError):
        box.run("sleep 60", timeout=0.5)
    assert list((box.path / "run").iterdir()) == []


def test_what_a_killed_process_leaves_is_swept(box: Box) -> None:
    """The parent is killed with -9; the container is found and removed by the next sweep."""
    code = f"""
import sys
from pathlib import Path
from dockyard.runtime import container
from dockyard.runtime.bundle import spec
from dockyard.runtime.rootfs import Overlay
from dockyard.runtime.user import User
lowers = [Path(p) for p in {[str(p) for p in box.overlay.lowers]!r}]
folder = Path({str(box.path)!r})
document = spec(args=["sh", "-c", "echo up; sleep 300"], env={ENV!r}, cwd="/", user=User(0, 0, (), "/"))
name = "killed-" + {str(os.getpid())!r}
container.run(document, overlay=Overlay(lowers, folder / "u", folder / "w"), folder=folder / "run" / name, name=name,
              output=lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush()))
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    inside = int((box.path / "run" / f"killed-{os.getpid()}" / "state").exists())
    assert inside
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    container.sweep(box.path / "run")
    assert list((box.path / "run").iterdir()) == []


def test_a_folder_whose_process_was_killed_before_it_wrote_its_number_is_swept(tmp_path: Path) -> None:
    for name in ("beginning", "killed"):
        (tmp_path / "run" / name / "rootfs").mkdir(parents=True)
    (tmp_path / "run" / "killed" / "owner").touch()
    os.utime(tmp_path / "run" / "killed", (1, 1))
    container.sweep(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["beginning"]


def test_a_container_that_ends_while_it_is_made_leaves_no_control_groups(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when runc has made some of them."""
    names: list[str] = []

    def interrupted(child: object, *others: object) -> int:
        (name,) = [each.name for each in (box.path / "run").iterdir()]
        deadline = time.monotonic() + 20
        while not any(name in folders for _, folders, _ in os.walk("/sys/fs/cgroup")):
            assert time.monotonic() < deadline
        names.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(container, "_pump", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            box.run("sleep 3600")
    assert len(names) == 3
    assert list((box.path / "run").iterdir()) == []
    assert [each for _, folders, _ in os.walk("/sys/fs/cgroup") for each in folders if each in names] == []
