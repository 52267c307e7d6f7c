"""Real clients log in to our registry, push and pull; the conformance suite with authentication on."""

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

from conftest import ROOT
from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.images import image, layer
from making.ports import free_port, listening

Find = Callable[[str], str]
PASSWORD = "correct horse $taple"


class Desk:
    """A registry with accounts on loopback, and an image to push."""

    def __init__(self, path: Path) -> None:
        self.path, self.port = path, free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DOCKYARD_HOME": str(path / "home"),
            "DOCKER_CONFIG": str(path / "docker"),
            "REGISTRY_AUTH_FILE": str(path / "auth.json"),
        }

    def dockyard(self, *words: str, stdin: str = "", code: int = 0) -> str:
        words = (sys.executable, "-m", "dockyard.cli.main", *words)
        done = subprocess.run(words, env=self.environment, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, *words: str, stdin: str = "", fails: bool = False) -> str:
        done = subprocess.run(words, env=self.environment, input=stdin, capture_output=True, text=True, timeout=100)
        assert (done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def desk(tmp_path: Path, rootfs_layer: Callable[[Layout, str], Layer]) -> Iterator[Desk]:
    store = Layout(tmp_path / "home" / "store", create=True)
    base = rootfs_layer(store, "busybox-glibc-amd64.tar.gz")
    made = image(store, base, layer(store, {"hello": b"world"}), config={"Cmd": ["/bin/cat", "/hello"]})
    store.tag("docker.io/library/web:1", made.descriptor)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text("{}")
    desk = Desk(tmp_path)
    desk.dockyard("registry", "user", "add", "root", "--admin", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("registry", "user", "add", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("registry", "user", "add", "guest", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("registry", "project", "add", "team")
    desk.dockyard("registry", "member", "set", "team", "dev", "--role", "developer")
    desk.dockyard("registry", "member", "set", "team", "guest", "--role", "guest")
    words = [sys.executable, "-m", "dockyard.cli.main", "serve", "--listen", desk.host]
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


def test_our_own_client_logs_in_pushes_and_pulls(desk: Desk) -> None:
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1", code=2)
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin="wrong", code=2)
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1")
    assert desk.dockyard("tags", f"{desk.host}/team/web").split() == ["1"]
    desk.dockyard("login", desk.host, "-u", "guest", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("pull", f"{desk.host}/team/web:1")
    assert "registry-denied" in desk.dockyard("push", "web:1", f"{desk.host}/team/web:2", code=2)


def test_robots_and_personal_tokens_log_in(desk: Desk) -> None:
    words = ("registry", "robot", "add", "ci", "--project", "team", "--allow", "pull,push:team/web", "--json")
    robot = json.loads(desk.dockyard(*words))
    desk.dockyard("login", desk.host, "-u", robot["name"], "--password-stdin", stdin=robot["secret"])
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1")
    desk.dockyard("push", "web:1", f"{desk.host}/team/other:1", code=2)
    token = desk.dockyard("registry", "token", "add", "dev", "laptop", "--scope", "read-only").strip()
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=token)
    desk.dockyard("pull", f"{desk.host}/team/web:1")
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:2", code=2)
    desk.dockyard("registry", "token", "rm", "dev", "laptop")
    time.sleep(1.2)
    desk.dockyard("pull", f"{desk.host}/team/web:1", code=2)


def test_skopeo_logs_in_pushes_lists_deletes_and_is_refused(desk: Desk, program: Find) -> None:
    skopeo = program("skopeo")
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1")
    desk.run(skopeo, "login", "--tls-verify=false", "-u", "dev", "--password-stdin", desk.host, stdin="no", fails=True)
    desk.run(skopeo, "login", "--tls-verify=false", "-u", "dev", "--password-stdin", desk.host, stdin=PASSWORD)
    both = ("--src-tls-verify=false", "--dest-tls-verify=false")
    desk.run(skopeo, "copy", *both, f"docker://{desk.host}/team/web:1", f"docker://{desk.host}/team/copy:1")
    listed = desk.run(skopeo, "list-tags", "--tls-verify=false", f"docker://{desk.host}/team/copy")
    assert json.loads(listed)["Tags"] == ["1"]
    gone = ("delete", "--tls-verify=false", f"docker://{desk.host}/team/copy:1")
    desk.run(skopeo, *gone, fails=True)
    said = desk.run(
        skopeo, "copy", *both, f"docker://{desk.host}/team/web:1", f"docker://{desk.host}/away/web:1", fails=True
    )
    assert "Forbidden" in said or "denied" in said
    desk.run(skopeo, "login", "--tls-verify=false", "-u", "root", "--password-stdin", desk.host, stdin=PASSWORD)
    desk.run(skopeo, *gone)


def test_podman_logs_in_pushes_and_pulls(desk: Desk, program: Find, root: None, short: Path) -> None:
    podman = program("podman")
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1")
    folders = ["--root", str(short / "root"), "--runroot", str(short / "run"), "--storage-driver", "vfs"]
    desk.run(podman, *folders, "pull", "--tls-verify=false", f"{desk.host}/team/web:1", fails=True)
    desk.run(podman, "login", "--tls-verify=false", "-u", "dev", "--password-stdin", desk.host, stdin=PASSWORD)
    desk.run(podman, *folders, "pull", "--tls-verify=false", f"{desk.host}/team/web:1")
    desk.run(podman, *folders, "tag", f"{desk.host}/team/web:1", f"{desk.host}/team/web:2")
    desk.run(podman, *folders, "push", "--tls-verify=false", f"{desk.host}/team/web:2")
    found = desk.run(podman, "search", "--tls-verify=false", f"{desk.host}/")
    assert f"{desk.host}/team/web" in found


def test_docker_logs_in_pushes_and_pulls(desk: Desk, root: None, short: Path) -> None:
    daemon = shutil.which("dockerd", path=os.environ["PATH"] + ":/usr/sbin")
    client = next((each for each in ("/usr/bin/docker", shutil.which("docker")) if each and Path(each).exists()), "")
    if daemon is None or not client:
        pytest.skip("docker is not installed")
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
        docker = [client, "-H", address]
        archive = desk.path / "web.tar"
        desk.dockyard("tag", "web:1", f"{desk.host}/team/web:1")
        desk.dockyard("save", "-o", str(archive), f"{desk.host}/team/web:1")
        desk.run(*docker, "load", "-i", str(archive))
        desk.run(*docker, "push", f"{desk.host}/team/web:1", fails=True)
        desk.run(*docker, "login", "-u", "dev", "--password-stdin", desk.host, stdin="wrong", fails=True)
        desk.run(*docker, "login", "-u", "dev", "--password-stdin", desk.host, stdin=PASSWORD)
        desk.run(*docker, "push", f"{desk.host}/team/web:1")
        desk.run(*docker, "rmi", f"{desk.host}/team/web:1")
        desk.run(*docker, "pull", f"{desk.host}/team/web:1")
        desk.run(*docker, "tag", f"{desk.host}/team/web:1", f"{desk.host}/away/web:1")
        assert "denied" in desk.run(*docker, "push", f"{desk.host}/away/web:1", fails=True)
        desk.run(*docker, "logout", desk.host)
        desk.run(*docker, "rmi", f"{desk.host}/team/web:1")
        desk.run(*docker, "pull", f"{desk.host}/team/web:1", fails=True)
    finally:
        server.terminate()
        server.wait(30)


def test_crane_logs_in_copies_and_lists(desk: Desk) -> None:
    crane = ROOT / "bench" / "peers" / "bin" / "crane"
    if not crane.exists():
        pytest.skip("crane is not built")
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("push", "web:1", f"{desk.host}/team/web:1")
    shutil.rmtree(desk.path / "docker")
    desk.run(str(crane), "digest", "--insecure", f"{desk.host}/team/web:1", fails=True)
    desk.run(str(crane), "auth", "login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.run(str(crane), "copy", "--insecure", f"{desk.host}/team/web:1", f"{desk.host}/team/copy:1")
    assert "team/copy" in desk.run(str(crane), "catalog", "--insecure", desk.host)
    desk.run(str(crane), "delete", "--insecure", f"{desk.host}/team/copy:1", fails=True)


def test_a_public_project_is_pulled_without_a_login(desk: Desk, program: Find) -> None:
    skopeo = program("skopeo")
    desk.dockyard("registry", "project", "add", "open", "--public")
    desk.dockyard("registry", "member", "set", "open", "dev", "--role", "developer")
    desk.dockyard("login", desk.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    desk.dockyard("push", "web:1", f"{desk.host}/open/web:1")
    desk.dockyard("logout", desk.host)
    desk.run(skopeo, "inspect", "--tls-verify=false", f"docker://{desk.host}/open/web:1")
    desk.dockyard("pull", f"{desk.host}/open/web:1")
    desk.dockyard("push", "web:1", f"{desk.host}/open/web:2", code=2)


def test_the_conformance_suite_is_green_with_authentication(desk: Desk) -> None:
    suite = ROOT / "bench" / "peers" / "bin" / "conformance"
    if not suite.exists():
        pytest.skip("the conformance suite is not built")
    environment = {
        **os.environ,
        "OCI_REGISTRY": desk.host,
        "OCI_TLS": "disabled",
        "OCI_REPO1": "conformance/one",
        "OCI_REPO2": "conformance/two",
        "OCI_VERSION": "dev",
        "OCI_USERNAME": "root",
        "OCI_PASSWORD": PASSWORD,
        "OCI_RESULTS_DIR": str(desk.path / "results"),
    }
    (desk.path / "results").mkdir()
    done = subprocess.run([str(suite)], env=environment, cwd=desk.path, capture_output=True, text=True, timeout=250)
    failed = [line for line in done.stdout.splitlines() if line.rstrip().endswith(("FAIL", "Error"))]
    assert (done.returncode, failed) == (0, []), done.stdout[-3000:]
    assert done.stdout.count(" Pass") > 30
