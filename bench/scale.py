"""What one worker process does, by what stands behind it: SQLite and a disk, PostgreSQL, or PostgreSQL and S3 (moto).

The figures behind docs/scale.md. The database keeps its default durability. Beside each rate stands the server's own
processor time for one answer, which a busy neighbour changes less; that of PostgreSQL and moto is not in it.
"""

import hashlib
import json
import os
import re
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from bench.registry import MEDIA, _blobs, image, wrk
from bench.results import report
from bench.served import PROGRAM, Served
from making.objects import ENVIRONMENT, moto
from making.ports import free_port
from making.postgres import postgres

ROUNDS = 3
PUSHERS, IMAGES = 8, 25


def main() -> None:
    """Measure and report."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(postgres(durable=True))
        bucket = stack.enter_context(moto())
        kinds: dict[str, tuple[str, dict[str, str]]] = {
            "SQLite, disk": (str(place / "sqlite"), {}),
            "PostgreSQL, disk": (str(place / "disk"), {"DATABASE_URL": database.url("disk")}),
            "PostgreSQL, S3": (bucket.url("bench"), {"DATABASE_URL": database.url("bench"), **ENVIRONMENT}),
        }
        kinds["PostgreSQL, stale 1 s"] = (str(place / "stale"), {"DATABASE_URL": database.url("stale")})
        (place / "stale.toml").write_text("[limits]\nstale = 1\n")
        servers = []
        for name, (storage, environment) in kinds.items():
            port = free_port()
            words = [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--storage", storage]
            words += ["--config", str(place / "stale.toml")] if "stale" in name else []
            home = {"DOCKYARD_HOME": str(place / name.replace(", ", "-")), **environment}
            servers.append(Served(name, port, words, home))
            stack.callback(servers[-1].end)
        report("scale", measured(servers))


def measured(servers: list[Served]) -> dict[str, float]:
    """Every figure by name."""
    for server in servers:
        image(server, "bench/small", [b"{}", os.urandom(1 << 20)])
        image(server, "bench/large", [b"{}", os.urandom(64 << 20)])
    paths = {each: _blobs(servers, each) for each in ("bench/small", "bench/large")}
    works: dict[str, Callable[[Served], tuple[float, float]]] = {
        "manifests a second": lambda server: _timed(server, "/v2/bench/small/manifests/1", 16),
        "1 MB blobs a second": lambda server: _timed(server, paths["bench/small"][server.name], 8),
        "64 MB blobs a second": lambda server: _timed(server, paths["bench/large"][server.name], 2),
        "images pushed a second": pushed,
    }
    figures: dict[str, float] = {}
    for work, run in works.items():
        for server in servers:
            rounds = [run(server) for _ in range(ROUNDS)]
            figures[f"{server.name}: {work}"] = statistics.median(rate for rate, _ in rounds)
            figures[f"{server.name}: {work}, cpu ms each"] = statistics.median(cost for _, cost in rounds)
    return figures


def _timed(server: Served, path: str, connections: int) -> tuple[float, float]:
    before = _processor(server)
    rate = wrk(server, path, connections)
    return rate, (_processor(server) - before) / max(rate * 3, 1) * 1000


def _processor(server: Served) -> float:
    text = Path(f"/proc/{server.child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(text[11]) + int(text[12])) / os.sysconf("SC_CLK_TCK")


def pushed(server: Served) -> tuple[float, float]:
    """Images of a configuration and a layer of 10 KB, each with a tag of its own, to as many repositories as pushers:
    five requests each.
    """
    import time

    def work(number: int) -> None:
        name = f"bench/push{number}"
        for _ in range(IMAGES):
            config, layer = os.urandom(200), os.urandom(10_000)
            named = []
            for data in (config, layer):
                digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
                _, where = server.ask("POST", f"/v2/{name}/blobs/uploads/")
                status, _ = server.ask("PUT", f"{re.sub(r'^https?://[^/]+', '', where)}?digest={digest}", data)
                if status != 201:
                    raise RuntimeError(f"push was answered with {status}")
                named.append({"mediaType": "application/octet-stream", "digest": digest, "size": len(data)})
            named[0]["mediaType"] = "application/vnd.oci.image.config.v1+json"
            document = {"schemaVersion": 2, "mediaType": MEDIA, "config": named[0], "layers": named[1:]}
            tag = os.urandom(8).hex()
            path = f"/v2/{name}/manifests/{tag}"
            status, _ = server.ask("PUT", path, json.dumps(document).encode(), {"Content-Type": MEDIA})
            if status != 201:
                raise RuntimeError(f"push was answered with {status}")

    before, began = _processor(server), time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(PUSHERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    count = PUSHERS * IMAGES
    return count / (time.perf_counter() - began), (_processor(server) - before) / count * 1000


if __name__ == "__main__":
    main()
