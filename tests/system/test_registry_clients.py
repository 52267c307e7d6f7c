"""Real clients against our registry, and our client against another's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.images import image, layer
from making.ports import free_port, listening

Find = Callable[[str], str]


class Desk:
    """A store with one image, and a registry on loopback."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest, self.port = path, digest, free_port()
        self.name = f"127.0.0.1:{self.port}/team/web"
        self.environment = {
            **os.environ,
            "DOCKYARD_HOME": str(path / "home"),
            "DOCKYARD_CONFIG": str(path / "config.toml"),
            "DOCKER_CONFIG": str(path / "docker"),
        }

    def dockyard(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dockyard.cli.main", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words: str) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def desk(tmp_path: Path, rootfs_layer: Callable[[Layout, str], Layer]) -> Iterator[Desk]:
    store = Layout(tmp_path / "home" / "store", create=True)
    base = rootfs_layer(store, "busybox-glibc-amd64.tar.gz")
    made = image(
        store, base, layer(store, {"hello": b"world"}), config={"Env": ["PATH=/bin"], "Cmd": ["/bin/cat", "/hello"]}
    )
    store.tag("docker.io/library/web:1", made.descriptor)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text("{}")  # podman wants the file to exist
    desk = Desk(tmp_path, str(made.descriptor.digest))
    words = [sys.executable, "-m", "dockyard.cli.main", "serve", "--listen", f"127.0.0.1:{desk.port}"]
    server = subprocess.Popen(words, env=desk.environment, stderr=subprocess.DEVNULL)
    try:
        listening(desk.port, server)
        yield desk
    finally:
        server.terminate()
        assert server.wait(10) == 0


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path: podman refuses long ones, and sockets cannot have one."""
    folder = Path(tempfile.mkdtemp(prefix="peer"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_our_own_client_pushes_pulls_and_lists(desk: Desk) -> None:
    desk.dockyard("push", "web:1", f"{desk.name}:1.0")
    assert desk.dockyard("tags", desk.name).split() == ["1.0"]
    desk.environment["DOCKYARD_HOME"] = str(desk.path / "other")
    pulled = json.loads(desk.dockyard("pull", f"{desk.name}:1.0", "--json"))
    assert pulled["digest"] == desk.digest
    assert desk.dockyard("pull", f"{desk.name}@{desk.digest}").strip().endswith(desk.digest)


def test_skopeo_pushes_inspects_and_pulls(desk: Desk, program: Find) -> None:
    skopeo = program("skopeo")
    desk.dockyard("push", "web:1", f"{desk.name}:1.0")
    said = json.loads(desk.run(skopeo, "inspect", "--tls-verify=false", f"docker://{desk.name}:1.0"))
    assert said["Digest"] == desk.digest
    layout = f"oci:{desk.path / 'layout'}:x"
    desk.run(skopeo, "copy", "--src-tls-verify=false", f"docker://{desk.name}:1.0", layout)
    desk.run(skopeo, "copy", "--dest-tls-verify=false", layout, f"docker://{desk.name}:2.0")
    assert json.loads(desk.dockyard("pull", f"{desk.name}:2.0", "--json"))["digest"] == desk.digest


def test_podman_pulls_and_pushes(desk: Desk, program: Find, root: None, short: Path) -> None:
    podman = program("podman")
    desk.dockyard("push", "web:1", f"{desk.name}:1.0")
    folders = ["--root", str(short / "root"), "--runroot", str(short / "run"), "--storage-driver", "vfs"]
    desk.run(podman, *folders, "pull", "--tls-verify=false", f"{desk.name}:1.0")
    desk.run(podman, *folders, "tag", f"{desk.name}:1.0", f"{desk.name}:3.0")
    desk.run(podman, *folders, "push", "--tls-verify=false", f"{desk.name}:3.0")
    assert set(desk.dockyard("tags", desk.name).split()) == {"1.0", "3.0"}
    desk.dockyard("pull", f"{desk.name}:3.0")


def test_docker_pulls_and_pushes(desk: Desk, program: Find, root: None, short: Path) -> None:
    daemon = shutil.which("dockerd", path=os.environ["PATH"] + ":/usr/sbin")
    if daemon is None:
        pytest.skip("dockerd is not installed")
    client = next((each for each in ("/usr/bin/docker", shutil.which("docker")) if each and Path(each).exists()), "")
    if not client:
        pytest.skip("the docker client is not installed")
    address = f"unix://{short}/d.sock"
    words = [daemon, "-H", address, "--data-root", str(short / "data"), "--exec-root", str(short / "exec")]
    words += ["--pidfile", str(short / "d.pid"), "--iptables=false", "--bridge=none", "--storage-driver=vfs"]
    with open(desk.path / "d.log", "wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([client, "-H", address, "version"], capture_output=True).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                last = (desk.path / "d.log").read_text(errors="replace").strip().splitlines()[-1:]
                pytest.skip(f"dockerd does not start here: {last}")
            time.sleep(0.2)
        desk.dockyard("push", "web:1", f"{desk.name}:1.0")
        desk.run(client, "-H", address, "pull", f"{desk.name}:1.0")
        desk.run(client, "-H", address, "tag", f"{desk.name}:1.0", f"{desk.name}:4.0")
        desk.run(client, "-H", address, "push", f"{desk.name}:4.0")
        desk.dockyard("pull", f"{desk.name}:4.0")
        archive = desk.path / "saved.tar"
        desk.run(client, "-H", address, "save", "-o", str(archive), f"{desk.name}:4.0")
        assert f"{desk.name}:4.0" in desk.dockyard("load", "-i", str(archive))
        ours = desk.path / "ours.tar"
        desk.dockyard("tag", "web:1", "archived:7")
        desk.dockyard("save", "archived:7", "-o", str(ours))
        assert "archived:7" in desk.run(client, "-H", address, "load", "-i", str(ours))
        shown = json.loads(desk.run(client, "-H", address, "image", "inspect", "archived:7"))
        assert shown[0]["Config"]["Cmd"] == ["/bin/cat", "/hello"]
        (desk.path / "Dockerfile").write_text('FROM scratch\nCOPY Dockerfile /\nCMD ["/x"]\n')
        desk.dockyard("build", str(desk.path), "-o", f"type=docker,name=built:8,dest={desk.path / 'built.tar'}")
        assert "built:8" in desk.run(client, "-H", address, "load", "-i", str(desk.path / "built.tar"))
        shown = json.loads(desk.run(client, "-H", address, "image", "inspect", "built:8"))
        assert shown[0]["Config"]["Cmd"] == ["/x"]
    finally:
        server.terminate()
        server.wait(30)


def test_a_mirror_in_the_configuration_stands_for_docker_hub(desk: Desk) -> None:
    desk.dockyard("push", "web:1", f"127.0.0.1:{desk.port}/library/alpine:3.16")
    mirrors = f'["http://127.0.0.1:{free_port()}", "http://127.0.0.1:{desk.port}"]'
    (desk.path / "config.toml").write_text(f'[registries."docker.io"]\nmirrors = {mirrors}\n')
    desk.environment["DOCKYARD_HOME"] = str(desk.path / "other")
    assert json.loads(desk.dockyard("pull", "alpine:3.16", "--json")) == {
        "image": "docker.io/library/alpine:3.16",
        "digest": desk.digest,
    }
    (desk.path / "Dockerfile").write_text("FROM alpine:3.16\nCOPY Dockerfile /\n")
    desk.environment["DOCKYARD_HOME"] = str(desk.path / "third")
    built = json.loads(desk.dockyard("build", str(desk.path), "--json"))
    assert built["bases"] == [{"image": "docker.io/library/alpine:3.16", "digest": desk.digest, "pinned": False}]


def test_our_client_speaks_to_another_registry(desk: Desk, program: Find) -> None:
    other = program("docker-registry")
    port = free_port()
    config = desk.path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {desk.path / 'other-registry'}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
    )
    server = subprocess.Popen([other, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listening(port, server)
        desk.dockyard("push", "web:1", f"127.0.0.1:{port}/a/b:1")
        assert desk.dockyard("tags", f"127.0.0.1:{port}/a/b").split() == ["1"]
        desk.environment["DOCKYARD_HOME"] = str(desk.path / "other")
        assert json.loads(desk.dockyard("pull", f"127.0.0.1:{port}/a/b:1", "--json"))["digest"] == desk.digest
    finally:
        server.terminate()
        server.wait(10)


def test_a_taken_port_is_said_clearly(desk: Desk) -> None:
    words = [sys.executable, "-m", "dockyard.cli.main", "serve", "--listen", f"127.0.0.1:{desk.port}", "--json"]
    done = subprocess.run(words, env=desk.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "port-taken" in done.stdout
    words[-2] = "0.0.0.0:5000"
    done = subprocess.run(words, env=desk.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "not-loopback" in done.stdout
