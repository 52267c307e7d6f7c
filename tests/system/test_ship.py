"""The whole road on a small application, and what happens when it is cut off anywhere."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.content.layout import Layout
from dockyard.deploy import rollout
from dockyard.layers.layer import Layer
from making.images import image
from making.ports import free_port, listening

DOCKERFILE = """\
FROM {base}
ARG VERSION
COPY --chown=1000:1000 www /www
RUN echo "$VERSION" > /www/version && sleep 0.3
USER 1000
HEALTHCHECK CMD ["/bin/true"]
ENTRYPOINT ["/bin/sh", "-c", "exec httpd -f -p 127.0.0.1:$PORT -h /www"]
"""
SETTINGS = """\
[image]
name = "127.0.0.1:{registry}/team/web"
[build.args]
VERSION = "{{tag}}"
[sign]
key = "cosign.key"
[policy]
require = ["non-root", "healthcheck", "signed", "sbom", "pinned-base"]
keys = ["cosign.pub"]
[deploy]
name = "web"
port = {port}
drain = "1s"
[health]
http = "/version"
interval = "100ms"
deadline = "5s"
"""


class Yard:
    """A project with its own store, registry, keys and application."""

    def __init__(self, path: Path) -> None:
        self.home, self.project = path / "home", path / "project"
        self.port, self.registry = free_port(), free_port()
        self.environment = {**os.environ, "DOCKYARD_HOME": str(self.home), "COSIGN_PASSWORD": "x"}

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "dockyard.cli.main", *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.words(*words), cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=120
        )

    def ship(self, tag: str) -> dict[str, Any]:
        done = self.run("ship", "--tag", tag, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def served(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/version")
            return connection.getresponse().read().decode().strip()
        finally:
            connection.close()


@pytest.fixture
def yard(
    root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Callable[[Layout, str], Layer]
) -> Iterator[Yard]:
    program("haproxy")
    yard = Yard(tmp_path)
    store = Layout(yard.home / "store", create=True)
    base = image(store, rootfs_layer(store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin:/sbin"]})
    store.tag("docker.io/library/busybox:1", base.descriptor)
    (yard.project / "www").mkdir(parents=True)
    (yard.project / "www" / "index.html").write_text("hello")
    (yard.project / "Dockerfile").write_text(DOCKERFILE.format(base=f"busybox@{base.descriptor.digest}"))
    (yard.project / "dockyard.toml").write_text(SETTINGS.format(registry=yard.registry, port=yard.port))
    assert yard.run("keygen").returncode == 0
    words = yard.words("serve", "--listen", f"127.0.0.1:{yard.registry}")
    server = subprocess.Popen(words, env=yard.environment, stderr=subprocess.DEVNULL)
    try:
        listening(yard.registry, server)
        yield yard
    finally:
        if (yard.home / "apps" / "web" / "desired.json").exists():
            rollout.stop("web", yard.home)
        server.terminate()
        server.wait(10)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {step["step"]: step["status"] for step in document["steps"]}


def test_the_road_is_walked_once_and_again_nothing_is_done_twice(yard: Yard) -> None:
    document = yard.ship("1.0.0")
    assert yard.served() == "1.0.0"
    assert document["status"] == "done"
    assert set(statuses(document).values()) == {"done"}
    again = yard.ship("1.0.0")
    assert again["digest"] == document["digest"]
    done = statuses(again)
    assert [done[step] for step in ("build", "push", "sign", "deploy")] == ["already done"] * 4
    page = yard.run("record").stdout
    for part in ("DONE: 127.0.0.1", document["digest"], "policy", "signature", "deploy"):
        assert part in page or part == "signature", part
    assert yard.run("verify", "--key", "cosign.pub", f"127.0.0.1:{yard.registry}/team/web:1.0.0").returncode == 0
    judged = yard.run("policy", f"127.0.0.1:{yard.registry}/team/web:1.0.0", "--json")
    reasons = json.loads(judged.stdout)["reasons"]
    assert [reason["rule"] for reason in reasons] == ["pinned-base"], "a pulled image does not tell its bases"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_ship_that_is_cut_off_anywhere_completes_when_it_is_run_again(yard: Yard, number: signal.Signals) -> None:
    began = time.monotonic()
    yard.ship("1.0.0")
    whole = time.monotonic() - began
    for attempt in range(1, 9):
        tag = f"1.{attempt}.0"
        (yard.project / "www" / "index.html").write_text(tag)
        child = subprocess.Popen(
            yard.words("ship", "--tag", tag),
            cwd=yard.project,
            env=yard.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(whole * attempt / 9)
        child.send_signal(number)
        assert child.wait(60) in (-number, 130, 0)
        assert yard.served() in (tag, f"1.{attempt - 1}.0")
        document = yard.ship(tag)
        assert document["status"] == "done"
        assert yard.served() == tag
    for name in ("work", "run"):
        folder = yard.home / name
        left = list(folder.iterdir()) if folder.exists() else []
        assert len(left) <= 1, left
    assert str(yard.home) not in Path("/proc/self/mountinfo").read_text()
    containers = list((yard.home / "apps" / "web" / "containers").iterdir())
    assert len(containers) == 1


def test_a_denial_names_every_reason_at_once_and_nothing_is_pushed(yard: Yard) -> None:
    dockerfile = (yard.project / "Dockerfile").read_text()
    changed = dockerfile.replace("USER 1000\n", "").replace('HEALTHCHECK CMD ["/bin/true"]\n', "")
    (yard.project / "Dockerfile").write_text(changed)
    done = yard.run("ship", "--tag", "latest")
    assert done.returncode == 1, done.stderr
    for word in ("`latest`", "runs as root", "no HEALTHCHECK", "3 reasons"):
        assert word in done.stderr, word
    assert yard.run("tags", f"127.0.0.1:{yard.registry}/team/web").returncode != 0
    assert "denied" in yard.run("record").stdout.lower()


def test_settings_with_an_unknown_key_are_refused_with_the_nearest(yard: Yard) -> None:
    path = yard.project / "dockyard.toml"
    path.write_text(path.read_text().replace("deadline =", "dead-line ="))
    done = yard.run("ship", "--tag", "1.0.0")
    assert done.returncode == 2
    assert "dead-line" in done.stderr
    assert "`deadline`" in done.stderr


def test_a_registry_that_is_away_is_a_transient_error(yard: Yard) -> None:
    path = yard.project / "dockyard.toml"
    path.write_text(path.read_text().replace(str(yard.registry), str(free_port())))
    done = yard.run("ship", "--tag", "1.0.0")
    assert done.returncode == 3, done.stderr
    assert "registry-unreachable" in done.stderr


def test_a_wrong_key_is_not_taken_for_a_signature(yard: Yard) -> None:
    yard.ship("1.0.0")
    assert yard.run("keygen", "--output-key-prefix", "other").returncode == 0
    done = yard.run("verify", "--key", "other.pub", f"127.0.0.1:{yard.registry}/team/web:1.0.0")
    assert done.returncode == 1
    assert "signature-invalid" in done.stderr
