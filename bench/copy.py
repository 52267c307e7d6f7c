"""COPY of a large tree: cold and unchanged, beside `buildah bud` on the same tree in the same run.

Whole processes are timed. Dockyard's build ends with the compressed blob in its store; Buildah compresses only when it
pushes, so its push to an image layout is given on a line of its own and is not in the ratio.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.results import report
from dockyard._internal.process import find

FILES = 8_000
BYTES = 250 << 20
ROUNDS = 3
COLD_RATIO, WARM_RATIO, SIZE_RATIO = 0.2, 0.1, 1.15


def tree(folder: Path, seed: int = 1) -> None:
    """The same files on every machine: half of the bytes text-like, half random."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randint(2, 8)).hex().encode() + b" " for _ in range(4_000)]
    weights = [rng.expovariate(1) for _ in range(FILES)]
    scale = BYTES / sum(weights)
    for number, weight in enumerate(weights):
        size = int(weight * scale)
        path = folder / f"part{number % 40}" / f"sub{number % 7}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = rng.randbytes(size) if number % 2 else b"".join(rng.choices(words, k=size // 10 + 1))[:size]
        path.write_bytes(data)


def timed(words: list[str], env: dict[str, str] | None = None) -> float:
    """Seconds that a whole process takes."""
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - began


def main() -> None:
    """Measure and report."""
    dockyard = str(Path(sys.executable).parent / "dockyard")
    with tempfile.TemporaryDirectory(prefix="bench-copy-") as temporary:
        place = Path(temporary)
        context = place / "context"
        tree(context / "tree")
        (context / "Dockerfile").write_text("FROM scratch\nCOPY tree /app\n")
        for path in (context / "tree").rglob("*"):
            if path.is_file():
                path.read_bytes()  # both start from a warm page cache
        ours: dict[str, list[float]] = {"cold": [], "warm": []}
        theirs: dict[str, list[float]] = {"cold": [], "warm": [], "push": []}
        for number in range(ROUNDS):
            env = {"XDG_DATA_HOME": str(place / f"data{number}")}
            build = [dockyard, "build", "--quiet", "-t", "bench:1", str(context)]
            ours["cold"].append(timed(build, env))
            ours["warm"].append(timed(build, env))
            storage = place / f"buildah{number}"
            buildah = [find("buildah"), "--storage-driver", "overlay", "--root", f"{storage}/root"]
            buildah += ["--runroot", f"{storage}/run"]
            bud = [*buildah, "bud", "--isolation", "chroot", "--layers", "-q", "-t", "bench:1", str(context)]
            theirs["cold"].append(timed(bud))
            theirs["warm"].append(timed(bud))
            theirs["push"].append(timed([*buildah, "push", "-q", "bench:1", f"oci:{place}/pushed{number}:1"]))
        size = _layer(place / "data0" / "dockyard" / "store")
        pushed = _layer(place / "pushed0")
        runs = {
            f"{who} {what}": times
            for who, kinds in (("dockyard", ours), ("buildah", theirs))
            for what, times in kinds.items()
        }
        median = {name: statistics.median(times) for name, times in runs.items()}
    report(
        "copy",
        {
            **{f"{name}, s": value for name, value in median.items()},
            "cold ratio": median["dockyard cold"] / median["buildah cold"],
            "cold ratio, at most": COLD_RATIO,
            "unchanged ratio": median["dockyard warm"] / median["buildah warm"],
            "unchanged ratio, at most": WARM_RATIO,
            "dockyard layer, bytes": size,
            "buildah pushed layer, bytes": pushed,
            "size ratio": size / pushed,
            "size ratio, at most": SIZE_RATIO,
        },
    )


def _layer(layout: Path) -> int:
    """The size of the only layer of the only image in an image layout."""
    index = json.loads((layout / "index.json").read_bytes())
    algorithm, _, name = index["manifests"][0]["digest"].partition(":")
    manifest = json.loads((layout / "blobs" / algorithm / name).read_bytes())
    return sum(int(layer["size"]) for layer in manifest["layers"])


if __name__ == "__main__":
    main()
