"""Real clients log in with tokens, push and pull over TLS of our own authority: straight, and through nginx and haproxy
that show the registry under a sub-path before two replicas.
"""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.content.layout import Layout
from dockyard.layers.members import members
from dockyard.layers.write import LayerWriter
from dockyard.server.tls import self_made
from making.haproxy import haproxy
from making.images import image, layer
from making.nginx import nginx
from making.ports import free_port
from making.serving import Server

Find = Callable[[str], str]
PASSWORD = "correct horse $taple"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
NO_LOG = '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'
FRONTS = ("straight", "nginx", "haproxy")


class Town:
    """The registry behind every front, with one image in the client's store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self.authority = folder / "tls" / "ca.pem"

    def dockyard(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dockyard.cli.main", *words],
            env={**os.environ, "DOCKYARD_HOME": str(self.folder / "home")},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Visit:
    """One client at one front, with a home of its own."""

    def __init__(self, town: Town, front: str, home: Path) -> None:
        self.town, self.home = town, home
        self.host = f"localhost:{town.ports[front]}"
        self.project, self.place = front, f"{self.host}/{front}"
        (home / "docker").mkdir()
        (home / "docker" / "config.json").write_text("{}")  # podman wants the file to exist
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "DOCKYARD_HOME": str(town.folder / "home"),
            "DOCKYARD_CONFIG": str(home / "config.toml"),
            "DOCKER_CONFIG": str(home / "docker"),
            "REGISTRY_AUTH_FILE": str(home / "docker" / "config.json"),
            "SSL_CERT_FILE": str(town.authority),  # read by what is written in Go
            "REQUESTS_CA_BUNDLE": str(town.authority),
            "COSIGN_PASSWORD": "x",
        }
        (home / "config.toml").write_text(f'[registries."{self.host}"]\nca = "{town.authority}"\n')

    def run(self, *words: str, stdin: str = "", fails: bool = False) -> str:
        done = subprocess.run(
            words, env=self.environment, cwd=self.home, input=stdin, capture_output=True, text=True, timeout=100
        )
        assert (done.returncode != 0) == fails, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def ours(self, *words: str, stdin: str = "") -> str:
        return self.run(sys.executable, "-m", "dockyard.cli.main", *words, stdin=stdin)

    def log_in(self) -> None:
        """With our own client; the file is the one that all clients read."""
        self.ours("login", self.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)

    def digest(self, name: str) -> str:
        """What our client pulls."""
        return str(json.loads(self.ours("pull", f"{self.place}/{name}", "--json"))["digest"])


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, shared_data: Path, program_of: Find) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    store = Layout(town.folder / "home" / "store", create=True)
    archive = shared_data / "images" / "busybox-glibc-amd64.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is absent")
    with LayerWriter(store) as writer, gzip.open(archive) as stream:
        for entry, content in members(io.BufferedReader(stream)):
            writer.add(entry, content if entry.kind == "file" else None)
        base = writer.commit()
    made = image(store, base, layer(store, {"hello": b"world"}), config={"Cmd": ["/bin/cat", "/hello"]})
    store.tag("docker.io/library/web:1", made.descriptor)
    there = ("--storage", str(town.folder / "registry"))
    town.dockyard("registry", "user", "add", "dev", "--admin", "--new", "--password-stdin", *there, stdin=PASSWORD)
    certificate = self_made(town.folder / "tls", ["localhost", "127.0.0.1"])
    town.ports = {each: free_port() for each in FRONTS}
    with ExitStack() as open_now:
        words = ("--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key))
        replicas = [Server(town.folder, *words, port=town.ports["straight"])]
        open_now.callback(replicas[0].stop)
        for front in FRONTS[1:]:
            settings = town.folder / f"{front}.toml"
            settings.write_text(f'[proxy]\nurl = "https://localhost:{town.ports[front]}/hub"\ntrusted = true\n')
            behind = [Server(town.folder, "--config", str(settings)) for _ in range(2)]
            for each in behind:
                open_now.callback(each.stop)
            ports = [each.port for each in behind]
            town.ports["behind"] = ports[0]
            # Docker and its kin always begin at /v2/ of a host; from there on they go where they are sent.
            if front == "nginx":
                ways = nginx(
                    program_of("nginx"),
                    town.folder,
                    town.ports[front],
                    ports,
                    prefixes=["/v2", "/hub"],
                    tls=certificate,
                )
            else:
                ways = haproxy(
                    program_of("haproxy"),
                    town.folder,
                    town.ports[front],
                    ports,
                    paths=["/v2/", "/hub/"],
                    tls=certificate,
                )
            open_now.enter_context(ways)
        yield town


@pytest.fixture(params=FRONTS)
def visit(town: Town, tmp_path: Path, request: pytest.FixtureRequest) -> Visit:
    return Visit(town, request.param, tmp_path)


@pytest.fixture
def short() -> Iterator[Path]:
    """As `briefly`."""
    with briefly() as folder:
        yield folder


def built(name: str) -> str:
    """A peer that `make peers` builds."""
    path = ROOT / "bench" / "peers" / "bin" / name
    if not path.exists():
        pytest.skip(f"{name} is not built here: `make peers` builds it from the Go registry")
    return str(path)


def test_our_own_client_and_skopeo_pass_through(visit: Visit, program: Find) -> None:
    skopeo, name = program("skopeo"), f"docker://{visit.place}/skopeo"
    visit.run(skopeo, "inspect", f"{name}:1", fails=True)
    visit.log_in()
    visit.ours("push", "web:1", f"{visit.place}/skopeo:1")
    (visit.home / "docker" / "config.json").write_text("{}")
    visit.run(skopeo, "login", "-u", "dev", "--password-stdin", visit.host, stdin="no", fails=True)
    visit.run(skopeo, "login", "-u", "dev", "--password-stdin", visit.host, stdin=PASSWORD)
    visit.run(skopeo, "copy", f"{name}:1", "oci:there:x")
    visit.run(skopeo, "copy", "oci:there:x", f"{name}:2")
    assert visit.digest("skopeo:1") == visit.digest("skopeo:2")
    visit.run(skopeo, "delete", f"{name}:2")
    visit.run(skopeo, "inspect", f"{name}:2", fails=True)


def test_crane_copies_lists_validates_and_appends(visit: Visit) -> None:
    crane, name = built("crane"), f"{visit.place}/crane"
    visit.run(crane, "auth", "login", visit.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    visit.ours("push", "web:1", f"{name}:1")
    visit.run(crane, "copy", f"{name}:1", f"{visit.place}/crane-copy:1")
    assert visit.run(crane, "digest", f"{visit.place}/crane-copy:1").strip() == visit.digest("crane:1")
    assert f"{visit.project}/crane" in visit.run(crane, "catalog", visit.host).split()
    assert visit.run(crane, "ls", name).split() == ["1"]
    visit.run(crane, "validate", "--remote", f"{name}:1")
    visit.run(crane, "append", "-b", f"{name}:1", "-f", str(chart(visit.home)), "-t", f"{name}:more")


def test_cosign_signs_and_verifies_and_so_do_we(visit: Visit) -> None:
    cosign, name = built("cosign"), f"{visit.place}/cosign:1"
    visit.log_in()
    visit.ours("push", "web:1", name)
    (visit.home / "signing.json").write_text(NO_LOG)
    visit.run(cosign, "generate-key-pair")
    whole = f"{visit.place}/cosign@{visit.digest('cosign:1')}"
    visit.run(cosign, "sign", "--yes", "--key", "cosign.key", "--signing-config", "signing.json", whole)
    visit.run(cosign, "verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", name)
    visit.ours("verify", "--key", "cosign.pub", name)


def test_podman_and_buildah_pass_through(visit: Visit, program: Find, root: None, short: Path) -> None:
    podman, buildah = program("podman"), program("buildah")
    folders = ["--root", str(short / "root"), "--runroot", str(short / "run"), "--storage-driver", "vfs"]
    visit.run(podman, "login", "-u", "dev", "--password-stdin", visit.host, stdin="no", fails=True)
    visit.run(podman, "login", "-u", "dev", "--password-stdin", visit.host, stdin=PASSWORD)
    visit.ours("push", "web:1", f"{visit.place}/podman:1")
    visit.run(podman, *folders, "pull", f"{visit.place}/podman:1")
    visit.run(podman, *folders, "push", f"{visit.place}/podman:1", f"{visit.place}/podman:2")
    held = visit.run(buildah, *folders, "from", f"{visit.place}/podman:2").strip()
    visit.run(buildah, *folders, "config", "--label", "by=buildah", held)
    visit.run(buildah, *folders, "commit", held, f"{visit.place}/buildah:1")
    visit.run(buildah, *folders, "push", f"{visit.place}/buildah:1")
    assert visit.digest("buildah:1") != visit.digest("podman:2")
    assert f"{visit.place}/buildah" in visit.run(podman, *folders, "search", f"{visit.place}")


@pytest.fixture(scope="module")
def docker(town: Town, program_of: Find) -> Iterator[list[str]]:
    """The words that call docker with a daemon of its own, which trusts the authority."""
    client = "/usr/bin/docker"
    if os.geteuid() != 0 or not Path(client).exists():
        pytest.skip("needs root and docker")
    with briefly() as short:
        words = [program_of("dockerd"), "-H", f"unix://{short}/d.sock", "--data-root", str(short / "data")]
        words += ["--exec-root", str(short / "exec"), "--pidfile", str(short / "d.pid")]
        words += ["--iptables=false", "--bridge=none", "--storage-driver=vfs"]
        here = [client, "-H", f"unix://{short}/d.sock"]
        with daemon(words, [*here, "version"], town.folder / "d.log", SSL_CERT_FILE=str(town.authority)):
            yield here


@pytest.fixture(scope="module")
def ctr(town: Town, program_of: Find) -> Iterator[list[str]]:
    """The words that call ctr with a containerd of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with briefly() as short:
        (short / "config.toml").write_text(
            f'version = 2\nroot = "{short}/root"\nstate = "{short}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{short}/c.sock"\n[ttrpc]\naddress = "{short}/t.sock"\n'
        )
        here = [program_of("ctr"), "--address", str(short / "c.sock")]
        words = [program_of("containerd"), "--config", str(short / "config.toml")]
        with daemon(words, [*here, "version"], town.folder / "c.log"):
            yield here


@contextmanager
def briefly() -> Iterator[Path]:
    """A folder with a short path: podman refuses long ones, and sockets cannot have one."""
    folder = Path(tempfile.mkdtemp(prefix="peer"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def daemon(words: list[str], asking: list[str], log: Path, **variables: str) -> Iterator[None]:
    """A daemon of a client's, from when `asking` for it succeeds; skips the test where it does not start."""
    with open(log, "wb") as out:
        server = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, **variables})
    try:
        deadline = time.monotonic() + 30
        while subprocess.run(asking, capture_output=True).returncode != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"{words[0]} does not start here: {log.read_text(errors='replace').strip()[-300:]}")
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(30)


def test_docker_pulls_and_pushes_once_it_is_logged_in(visit: Visit, docker: list[str]) -> None:
    name = f"{visit.place}/docker"
    visit.log_in()
    visit.ours("push", "web:1", f"{name}:1")
    (visit.home / "docker" / "config.json").write_text("{}")
    visit.run(*docker, "pull", f"{name}:1", fails=True)
    visit.run(*docker, "login", "-u", "dev", "--password-stdin", visit.host, stdin="no", fails=True)
    visit.run(*docker, "login", "-u", "dev", "--password-stdin", visit.host, stdin=PASSWORD)
    visit.run(*docker, "pull", f"{name}:1")
    visit.run(*docker, "tag", f"{name}:1", f"{name}:2")
    visit.run(*docker, "push", f"{name}:2")
    visit.digest("docker:2")


def test_containerd_pulls_and_pushes_with_a_hosts_file(visit: Visit, ctr: list[str]) -> None:
    hosts = visit.home / "hosts" / visit.host
    hosts.mkdir(parents=True)
    url = f"https://{visit.host}"  # of this machine, ctr would think that it speaks no TLS
    can = 'capabilities = ["pull", "resolve", "push"]'
    (hosts / "hosts.toml").write_text(f'server = "{url}"\n[host."{url}"]\n{can}\nca = "{visit.town.authority}"\n')
    visit.log_in()
    name = f"{visit.place}/ctr"
    visit.ours("push", "web:1", f"{name}:1")
    trusting = ["--hosts-dir", str(visit.home / "hosts")]
    visit.run(*ctr, "images", "pull", *trusting, "--snapshotter", "native", f"{name}:1", fails=True)
    known = [*trusting, "--user", f"dev:{PASSWORD}"]
    visit.run(*ctr, "images", "pull", *known, "--snapshotter", "native", f"{name}:1")
    visit.run(*ctr, "images", "tag", f"{name}:1", f"{name}:2")
    visit.run(*ctr, "images", "push", *known, f"{name}:2")
    assert visit.digest("ctr:2") == visit.digest("ctr:1")


def chart(folder: Path) -> Path:
    """A chart as `helm package` makes it."""
    path = folder / "shop-0.1.0.tgz"
    with tarfile.open(path, "w:gz") as out:
        for name, text in {
            "shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
            "shop/templates/web.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\n",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            out.addfile(member, io.BytesIO(text.encode()))
    return path


ORAS = """
import hashlib, sys
import oras.client
place, password, chart, config, config_type, chart_type, authority = sys.argv[1:]
host = place.partition("/")[0]
client = oras.client.OrasClient(hostname=host, auth_backend="token", tls_verify=authority)
client.login(username="dev", password=password, hostname=host, tls_verify=authority)
target = f"{place}/charts/shop:0.1.0"
words = dict(files=[f"{chart}:{chart_type}"], manifest_config=f"{config}:{config_type}", disable_path_validation=True)
answer = client.push(target=target, **words)
assert answer.status_code == 201, answer.text
found = client.get_manifest(target)
assert found["config"]["mediaType"] == config_type, found
assert [each["mediaType"] for each in found["layers"]] == [chart_type], found
(pulled,) = client.pull(target=target, outdir="pulled")
with open(chart, "rb") as one, open(pulled, "rb") as other:
    assert one.read() == other.read()
assert "0.1.0" in client.get_tags(f"{place}/charts/shop")
# This client keeps to the first token it gets, so another repository or action takes another login.
client = oras.client.OrasClient(hostname=host, auth_backend="basic", tls_verify=authority)
client.auth.set_basic_auth("dev", password)
answer = client.push(target=f"{place}/charts/chunked:1", do_chunked=True, chunk_size=100, **words)
assert answer.status_code == 201, answer.text
assert client.delete_tags(f"{place}/charts/chunked", ["1"]) == ["1"]
assert "1" not in client.get_tags(f"{place}/charts/chunked")
"""


def test_oras_pushes_a_helm_chart(visit: Visit) -> None:
    config = visit.home / "config.json"
    config.write_text('{"name":"shop","version":"0.1.0","apiVersion":"v2"}')
    words = (visit.place, PASSWORD, str(chart(visit.home)), str(config), HELM_CONFIG, HELM_CHART)
    visit.run(sys.executable, "-W", "ignore", "-c", ORAS, *words, str(visit.town.authority))


def test_helm_pushes_and_pulls_a_chart(town: Town, tmp_path: Path, program: Find) -> None:
    helm = program("helm")  # in no Debian package: a developer's own, if there is one
    # Helm speaks no TLS to this machine, so it comes in behind the proxy; its token it gets from the front.
    visit = Visit(town, "behind", tmp_path)
    packed, charts = chart(tmp_path), f"oci://{visit.place}/charts"
    visit.run(helm, "registry", "login", visit.host, "-u", "dev", "--password-stdin", stdin=PASSWORD)
    visit.run(helm, "push", str(packed), charts)
    (tmp_path / "pulled").mkdir()
    visit.run(helm, "pull", f"{charts}/shop", "--version", "0.1.0", "-d", "pulled")
    assert (tmp_path / "pulled" / packed.name).read_bytes() == packed.read_bytes()
    assert "kind: ConfigMap" in visit.run(helm, "template", f"{charts}/shop", "--version", "0.1.0")
    visit.run(helm, "registry", "logout", visit.host)
    visit.run(helm, "pull", f"{charts}/shop", "--version", "0.1.0", fails=True)
