"""Our registry beside Debian's docker-registry and distribution 3 (`make peers`), over HTTP on loopback.

Ours wants a login: every request carries a bearer token that is checked. The peers are open to everybody, as their own
way to check a login (bcrypt, for every request) would make the comparison unfair.

GETs are driven by wrk with one thread; pushes by a client of our own (`pushing`). Every server is asked in
turn, several rounds, and the median counts, so that a busy neighbour hurts all alike. Ours has two worker processes.
"""

import hashlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import pushing
from bench.alone import alone
from bench.results import report
from bench.served import PROGRAM, Served, account

ROUNDS = 5
SECONDS = 3
PEERS = Path(__file__).parent / "peers" / "bin"
MEDIA = "application/vnd.oci.image.manifest.v1+json"
LEAST = {"manifest": 6.0, "1 MB": 3.0, "64 MB": 1.0, "push 1 MB": 2.0, "push 64 MB": 1.0}


def push(server: Served, name: str, blobs: list[bytes], connections: int) -> float:
    """Bytes a second of pushing `blobs`, each by POST and PUT, over so many connections at a time."""
    return pushing.push(server.port, name, blobs, connections, server.headers())


def image(server: Served, name: str, blobs: list[bytes]) -> None:
    """An image of `blobs` under the tag `1`, its manifest filled up to 2 KB."""
    push(server, name, blobs, 1)
    descriptors = [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{hashlib.sha256(each).hexdigest()}"}
        | {"size": len(each)}
        for each in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA,
        "config": {**descriptors[0], "mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": descriptors[1:],
        "annotations": {"filler": "x" * 1400},
    }
    status, _ = server.ask("PUT", f"/v2/{name}/manifests/1", json.dumps(manifest).encode(), {"Content-Type": MEDIA})
    if status != 201:
        raise RuntimeError(f"{server.name} refused the manifest: {status}")


def wrk(server: Served, path: str, connections: int) -> float:
    """Answers a second."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-H", f"Accept: {MEDIA}"]
    for name, value in server.headers().items():
        words += ["-H", f"{name}: {value}"]
    said = subprocess.run(
        [*words, f"http://127.0.0.1:{server.port}{path}"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None
    return float(found[1])


def servers(place: Path) -> list[Served]:
    """Ours first, then whatever peers there are."""
    account(place / "ours", place / "home")
    words = [PROGRAM, "serve", "--listen", "127.0.0.1:5951", "--storage", str(place / "ours"), "--workers", "2"]
    found = [Served("dockyard", 5951, words, {"DOCKYARD_HOME": str(place / "home")}, account=True)]
    settings = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root}\nhttp:\n  addr: 127.0.0.1:{port}\n"
    for name, program, port in (
        ("docker-registry 2.8", shutil.which("docker-registry") or "", 5952),
        ("distribution 3", str(PEERS / "registry") if (PEERS / "registry").exists() else "", 5953),
    ):
        if program:
            file = place / f"{port}.yml"
            file.write_text(settings.format(root=place / str(port), port=port) + "log:\n  level: error\n")
            found.append(Served(name, port, [program, "serve", str(file)], {"OTEL_TRACES_EXPORTER": "none"}))
    return found


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        found = servers(Path(folder))
        try:
            figures = measured(found)
        finally:
            for server in found:
                server.end()
        figures |= alone(Path(folder))
    report("registry", figures)


def measured(found: list[Served]) -> dict[str, float]:
    """Every figure by name, and the ratios of ours to each peer's."""
    figures: dict[str, float] = {f"{server.name}: ready, s": server.ready for server in found}
    figures |= {f"{server.name}: idle memory, MB": server.memory() for server in found}
    for server in found:
        image(server, "bench/small", [b"{}", os.urandom(1 << 20)])
        image(server, "bench/large", [b"{}", os.urandom(64 << 20)])
    paths = {each: _blobs(found, each) for each in ("bench/small", "bench/large")}
    works: dict[str, Callable[[Served], float]] = {
        "manifest": lambda server: wrk(server, "/v2/bench/small/manifests/1", 32),
        "1 MB": lambda server: wrk(server, paths["bench/small"][server.name], 8),
        "64 MB": lambda server: wrk(server, paths["bench/large"][server.name], 4) * 64,
        "push 1 MB": lambda server: push(server, "bench/push", [os.urandom(1 << 20) for _ in range(400)], 8) / 1e6,
        "push 64 MB": lambda server: push(server, "bench/push", [os.urandom(64 << 20) for _ in range(6)], 4) / 1e6,
    }
    for work, run in works.items():
        rates: dict[str, list[float]] = {server.name: [] for server in found}
        for _ in range(ROUNDS):
            for server in found:
                rates[server.name].append(run(server))
        middle = {name: statistics.median(each) for name, each in rates.items()}
        unit = "MB/s" if "MB" in work else "a second"
        figures |= {f"{name}: {work}, {unit}": value for name, value in middle.items()}
        for name, value in middle.items():
            if name != "dockyard":
                figures[f"{work}, times {name}"] = middle["dockyard"] / value
        figures[f"{work}, at least"] = LEAST[work]
    return figures


def _blobs(found: list[Served], name: str) -> dict[str, str]:
    """The path of the layer of an image on every server."""
    paths = {}
    for server in found:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", f"/v2/{name}/manifests/1", headers={"Accept": MEDIA, **server.headers()})
        document = json.loads(connection.getresponse().read())
        connection.close()
        paths[server.name] = f"/v2/{name}/blobs/{document['layers'][0]['digest']}"
    return paths
