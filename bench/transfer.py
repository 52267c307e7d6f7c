"""A 300 MB image pushed and pulled: our client and server beside skopeo and Debian's docker-registry, in turn.

Ours wants a login, and its client fetches the tokens for it; the peer is open to everybody. Both clients write an image
layout and both flush each blob before it gets its name; ours flushes the manifest and the list of images, too.

A ratio is the middle one of those of neighbours, as what else this machine does weighs on both of a pair.
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
PULLS = 3
MOST = 0.5
LAYERS, LAYER_BYTES = 3, 100 << 20


def timed(words: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds that a command takes; it has to succeed. What others left for the disk to write is written before."""
    os.sync()
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
                own = {"DOCKYARD_HOME": str(place / "home")}
                login(own)
                there = "docker://127.0.0.1:5962/bench/image:1"
                times["push"].append(timed([PROGRAM, "push", tags[number]], own))
                layout = f"oci:{place / 'home' / 'store'}:{tags[number]}"
                times["skopeo push"].append(timed(["skopeo", "copy", "--dest-tls-verify=false", layout, there]))
                for _ in range(PULLS):
                    fresh, target = place / "fresh", place / "pulled"
                    login({"DOCKYARD_HOME": str(fresh)})
                    times["pull"].append(timed([PROGRAM, "pull", tags[number]], {"DOCKYARD_HOME": str(fresh)}))
                    words = ["skopeo", "copy", "--src-tls-verify=false", there, f"oci:{target}:1"]
                    times["skopeo pull"].append(timed(words))
                    shutil.rmtree(fresh)
                    shutil.rmtree(target)
            finally:
                ours.end()
                peer.end()
            for each in (storage, Path(f"{storage}-peer")):
                shutil.rmtree(each, ignore_errors=True)
    figures: dict[str, float] = {f"{name}, s": statistics.median(each) for name, each in times.items()}
    for work in ("push", "pull"):
        pairs = zip(times[work], times[f"skopeo {work}"], strict=True)
        figures[f"{work} ratio"] = statistics.median(ours / theirs for ours, theirs in pairs)
    report("transfer", {**figures, "at most": MOST})
