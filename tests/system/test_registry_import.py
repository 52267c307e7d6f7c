"""Taking over the folder of Debian's docker-registry, filled by skopeo."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from dockyard.server.stored.verify import verify
from making.images import image, layer
from making.ports import free_port, listening
from making.pushed import opened

Find = Callable[[str], str]


def test_what_skopeo_pushed_to_docker_registry_is_served_by_us(
    tmp_path: Path, program: Find, rootfs_layer: Callable[[Layout, str], Layer]
) -> None:
    other, skopeo = program("docker-registry"), program("skopeo")
    store = Layout(tmp_path / "store", create=True)
    base = rootfs_layer(store, "busybox-glibc-amd64.tar.gz")
    made = image(store, base, layer(store, {"hello": b"world"}), config={"Env": ["PATH=/bin"]})
    store.tag("docker.io/library/web:1", made.descriptor)
    port, folder = free_port(), tmp_path / "theirs"
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}\nhttp:\n  addr: 127.0.0.1:{port}\n"
    )
    server = subprocess.Popen([other, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listening(port, server)
        source = f"oci:{store.path}:docker.io/library/web:1"
        for name, form in (("shop/web:1", "oci"), ("shop/web:2", "v2s2"), ("shop/deep/api:1", "oci")):
            target = f"docker://127.0.0.1:{port}/{name}"
            words = [skopeo, "--insecure-policy", "copy", "--format", form, "--dest-tls-verify=false", source, target]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
    finally:
        server.terminate()
        server.wait(10)
    ours = tmp_path / "ours"
    words = [sys.executable, "-m", "dockyard.cli.main", "registry", "import", str(folder), "--storage", str(ours)]
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["repositories"], said["tags"], said["problems"]) == (2, 3, [])
    with opened(ours) as instance:
        assert instance.registry.manifest("shop/web", "1").digest == made.descriptor.digest
        assert instance.registry.manifest("shop/web", "2").media_type.startswith("application/vnd.docker.")
        assert verify(instance.registry.holdings, deep=True).whole
    port = free_port()
    serve = [
        sys.executable,
        "-m",
        "dockyard.cli.main",
        "serve",
        "--listen",
        f"127.0.0.1:{port}",
        "--storage",
        str(ours),
    ]
    server = subprocess.Popen(serve, stderr=subprocess.DEVNULL)
    try:
        listening(port, server)
        began = time.monotonic()
        for name in ("shop/web:1", "shop/web:2", "shop/deep/api:1"):
            source = f"docker://127.0.0.1:{port}/{name}"
            target = f"dir:{tmp_path / name.replace('/', '-').replace(':', '-')}"
            words = [skopeo, "--insecure-policy", "copy", "--src-tls-verify=false", source, target]
            pulled = subprocess.run(words, capture_output=True, text=True, timeout=60)
            assert pulled.returncode == 0, pulled.stderr
        assert time.monotonic() - began < 60
    finally:
        server.terminate()
        assert server.wait(10) == 0
