"""Advice from measurement, after real builds: each is there with the true figures, and gone when it is followed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter
from making.images import image

Make = Callable[[Layout, str], Layer]
# It does what the real one does that counts here: it takes its time, and leaves a cache.
PIP = b"""#!/bin/sh
sleep 1.3
mkdir -p /root/.cache/pip/http
head -c 300000 /dev/zero > /root/.cache/pip/http/one
head -c 123456 /dev/zero > /root/.cache/pip/http/two
"""
SLOW = """\
FROM base:1.2
COPY . /src
RUN pip install -r /src/requirements.txt
RUN rm -r /root/.cache/pip
COPY busybox /busybox
USER 10001
ENTRYPOINT ["/busybox"]
"""
QUICK = """\
FROM base:1.2 AS build
COPY requirements.txt /src/
RUN pip install -r /src/requirements.txt && rm -r /root/.cache/pip
COPY . /src
FROM scratch
COPY busybox /busybox
RUN ["/busybox", "true"]
USER 10001
ENTRYPOINT ["/busybox"]
"""
TOLD = ("costly-order", "leftover-files", "scratch-would-do", "smaller-base")


@pytest.fixture
def folder(root: None, tmp_path: Path, rootfs_layer: Make, program: Callable[[str], str]) -> Path:
    static = Path(program("busybox")).read_bytes()
    store = Layout(tmp_path / "home" / "store", create=True)
    alpine = rootfs_layer(store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
    store.tag("docker.io/library/base:1.2", image(store, alpine, _pip(store)).descriptor)
    context = tmp_path / "context"
    context.mkdir()
    (context / "requirements.txt").write_text("flask==3.0.3\n")
    (context / "busybox").write_bytes(static)
    (context / "busybox").chmod(0o755)
    return context


def _pip(store: Layout) -> Layer:
    with LayerWriter(store) as writer:
        writer.add(Entry("usr/bin/pip", mode=0o755, size=len(PIP)), PIP)
        return writer.commit()


def dockyard(folder: Path, *words: str) -> str:
    environment = {**os.environ, "DOCKYARD_HOME": str(folder.parent / "home")}
    command = [sys.executable, "-m", "dockyard.cli.main", *words]
    done = subprocess.run(command, cwd=folder.parent, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def advice(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """What is advised about the file, by rule."""
    said = dockyard(folder, "lint", str(folder), "--image", name, "--json", "--no-shellcheck")
    return {each["rule"]: each for each in json.loads(said)["findings"] if each["rule"] in TOLD}


def test_advice_is_true_of_a_real_build_and_gone_when_followed(folder: Path) -> None:
    (folder / "Dockerfile").write_text(SLOW)
    dockyard(folder, "build", str(folder), "--tag", "slow:1")
    found = advice(folder, "slow:1")
    assert set(found) == {"costly-order", "leftover-files", "scratch-would-do"}
    assert found["leftover-files"]["line"] == 3
    message = found["leftover-files"]["message"]
    assert message.startswith(
        "pip's cache (~/.cache/pip): 2 files, 423 kB in this layer, which a later layer only hides"
    )
    assert found["costly-order"]["line"] == 2
    seconds = float(found["costly-order"]["message"].split("repeats ")[1].split(" s")[0])
    assert 1.3 <= seconds < 60
    assert found["costly-order"]["better"].split("\n")[0] == "COPY requirements.txt /src/"
    size = (folder / "busybox").stat().st_size
    assert f"/busybox is static: {size / 1e6:.1f} MB of the " in found["scratch-would-do"]["message"]

    (folder / "Dockerfile").write_text(QUICK)
    # The static program runs on scratch: a RUN of the build starts it.
    dockyard(folder, "build", str(folder), "--tag", "quick:1")
    assert advice(folder, "quick:1") == {}
