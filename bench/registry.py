"""Our registry beside Debian's docker-registry and distribution 3 (`make peers`), over HTTP on loopback.

GETs are driven by wrk with one thread; pushes by a pool of our own that keeps its connections. Every server is asked in
turn, several rounds, and the median counts, so that a busy neighbour hurts all alike. Ours has two worker processes.
"""

import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import report

ROUNDS = 5
SECONDS = 3
PEERS = Path(__file__).parent / "peers" / "bin"
MEDIA = "application/vnd.oci.image.manifest.v1+json"
LEAST = {"manifest": 6.0, "1 MB": 3.0, "64 MB": 1.0, "push 1 MB": 2.0, "push 64 MB": 1.0}


class Served:
    """A registry as a process of its own."""

    def __init__(self, name: str, port: int, words: list[str], environment: dict[str, str] | None = None) -> None:
        self.name, self.port = name, port
        self.child = subprocess.Popen(
            words, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.ask("GET", "/v2/")
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{name} did not start")

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and location of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Location") or ""
        finally:
            connection.close()

    def end(self) -> None:
        """Stop it."""
        self.child.terminate()
        self.child.wait(20)


def push(port: int, name: str, blobs: list[bytes], threads: int) -> float:
    """Bytes a second of pushing `blobs`, each by POST and PUT, `threads` at a time."""
    names = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in blobs]
    shares = [list(zip(names, blobs, strict=True))[at::threads] for at in range(threads)]

    def work(share: list[tuple[str, bytes]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for digest, blob in share:
            connection.request("POST", f"/v2/{name}/blobs/uploads/", b"", {"Content-Length": "0"})
            answer = connection.getresponse()
            answer.read()
            where = re.sub(r"^https?://[^/]+", "", answer.getheader("Location") or "")
            connection.request("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", blob)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"push was answered with {answer.status}")
        connection.close()

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, shares))
    return sum(map(len, blobs)) / (time.perf_counter() - began)


def image(server: Served, name: str, blobs: list[bytes]) -> None:
    """An image of `blobs` under the tag `1`, its manifest filled up to 2 KB."""
    push(server.port, name, blobs, 1)
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


def wrk(port: int, path: str, connections: int) -> float:
    """Answers a second."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-H", f"Accept: {MEDIA}"]
    said = subprocess.run([*words, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None
    return float(found[1])


def servers(place: Path) -> list[Served]:
    """Ours first, then whatever peers there are."""
    program = str(Path(sys.executable).parent / "dockyard")
    found = [
        Served(
            "dockyard",
            5951,
            [program, "serve", "--listen", "127.0.0.1:5951", "--storage", str(place / "ours"), "--workers", "2"],
        )
    ]
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


def memory(server: Served) -> float:
    """Proportional memory of a server's processes in MB."""
    pids = [str(server.child.pid)]
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", pids[0]], capture_output=True, text=True).stdout.split()
    total = 0
    for pid in [*pids, *listing]:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
    return total / 1024


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        found = servers(Path(folder))
        try:
            figures = measured(found)
        finally:
            for server in found:
                server.end()
    report("registry", figures)


def measured(found: list[Served]) -> dict[str, float]:
    """Every figure by name, and the ratios of ours to each peer's."""
    figures: dict[str, float] = {f"{server.name}: idle memory, MB": memory(server) for server in found}
    for server in found:
        image(server, "bench/small", [b"{}", os.urandom(1 << 20)])
        image(server, "bench/large", [b"{}", os.urandom(64 << 20)])
    paths = {each: _blobs(found, each) for each in ("bench/small", "bench/large")}
    works: dict[str, Callable[[Served], float]] = {
        "manifest": lambda server: wrk(server.port, "/v2/bench/small/manifests/1", 32),
        "1 MB": lambda server: wrk(server.port, paths["bench/small"][server.name], 8),
        "64 MB": lambda server: wrk(server.port, paths["bench/large"][server.name], 4) * 64,
        "push 1 MB": lambda server: push(server.port, "bench/push", [os.urandom(1 << 20) for _ in range(100)], 8) / 1e6,
        "push 64 MB": lambda server: push(server.port, "bench/push", [os.urandom(64 << 20) for _ in range(6)], 4) / 1e6,
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
        connection.request("GET", f"/v2/{name}/manifests/1", headers={"Accept": MEDIA})
        document = json.loads(connection.getresponse().read())
        connection.close()
        paths[server.name] = f"/v2/{name}/blobs/{document['layers'][0]['digest']}"
    return paths
