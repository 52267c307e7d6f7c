"""A 300 MB image pushed and pulled: our client and server beside skopeo and Debian's docker-registry, in turn.

Ours wants a login, and its client fetches the tokens for it; the peer is open to everybody.
"""

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.results import report
from bench.served import PASSWORD, PROGRAM, USER, Served, account
from dockyard.content.layout import Layout
from dockyard.images.assemble import assemble
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter

ROUNDS = 3
MOST = 0.5
LAYERS, LAYER_BYTES = 3, 100 << 20


def timed(words: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds that a command takes; it has to succeed."""
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, **(environment or {})})
    return time.perf_counter() - began


def image(home: Path, names: list[str]) -> None:
    """An image of files that do not compress, in the store of `home`."""
    store = Layout(home / "store", create=True)
    layers = []
    for number in range(LAYERS):
        with LayerWriter(store) as writer:
            data = random.Random(number).randbytes(LAYER_BYTES)
            writer.add(Entry(f"file{number}", size=len(data)), data)
            layers.append(writer.commit())
    history = [{"created": "2024-01-01T00:00:00Z", "created_by": "bench"} for _ in layers]
    config = {"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z", "config": {}}
    made = assemble(store, config=config, layers=layers, history=history)
    for name in names:
        store.tag(name, made.descriptor)


def login(environment: dict[str, str]) -> None:
    """Keep the account's password where the client finds it."""
    words = [PROGRAM, "login", "127.0.0.1:5961", "--username", USER, "--password-stdin"]
    subprocess.run(words, input=PASSWORD.encode(), check=True, capture_output=True, env={**os.environ, **environment})


def main() -> None:
    """Measure and report."""
    times: dict[str, list[float]] = {"push": [], "pull": [], "skopeo push": [], "skopeo pull": []}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tags = [f"127.0.0.1:5961/bench/image:{number}" for number in range(ROUNDS)]
        image(place / "home", tags)
        for number in range(ROUNDS):
            storage = place / f"storage{number}"
            settings = place / "peer.yml"
            settings.write_text(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n"
                f"    rootdirectory: {storage}-peer\nhttp:\n  addr: 127.0.0.1:5962\n"
            )
            account(storage, place / "home")
            words = [PROGRAM, "serve", "--listen", "127.0.0.1:5961", "--storage", str(storage)]
            ours = Served("dockyard", 5961, words, account=True)
            peer = Served("docker-registry", 5962, ["docker-registry", "serve", str(settings)])
            try:
                own, fresh = {"DOCKYARD_HOME": str(place / "home")}, {"DOCKYARD_HOME": str(place / f"fresh{number}")}
                login(own)
                login(fresh)
                there = "docker://127.0.0.1:5962/bench/image:1"
                times["push"].append(timed([PROGRAM, "push", tags[number]], own))
                layout = f"oci:{place / 'home' / 'store'}:{tags[number]}"
                times["skopeo push"].append(timed(["skopeo", "copy", "--dest-tls-verify=false", layout, there]))
                times["pull"].append(timed([PROGRAM, "pull", tags[number]], fresh))
                target = f"oci:{place / f'pulled{number}'}:1"
                times["skopeo pull"].append(timed(["skopeo", "copy", "--src-tls-verify=false", there, target]))
            finally:
                ours.end()
                peer.end()
            for each in (storage, Path(f"{storage}-peer"), place / f"fresh{number}", place / f"pulled{number}"):
                shutil.rmtree(each, ignore_errors=True)
    middle = {name: statistics.median(each) for name, each in times.items()}
    figures = {f"{name}, s": value for name, value in middle.items()}
    figures |= {f"{work} ratio": middle[work] / middle[f"skopeo {work}"] for work in ("push", "pull")}
    report("transfer", {**figures, "at most": MOST})
