"""Builds beside BuildKit and Buildah in the same run: a COPY of 40,000 files, twenty RUN steps, a real application.

BuildKit's daemon runs already when its client is timed; both export an OCI archive's worth of bytes: ours end with the
blobs in our store, BuildKit's client with an OCI archive, Buildah with its storage and nothing compressed. The three
take turns. Needs `make peers`, root, and for the application the Debian archive and the Python package index. Peak
memory is that of our process, or of its largest child; a COPY of one file of 2 GB shows that it does not grow.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.results import report

FILES, BYTES = 40_000, 105 << 20
ROUNDS = 3
PEERS = Path(__file__).parent / "peers" / "bin"
MEMORY = 300 << 20
LIMITS = {"cold": 0.15, "one file changed": 0.1, "unchanged": 0.15, "20 RUN": 0.7, "application": 0.5}
APPLICATION = """\
FROM base AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
COPY wheels /wheels
RUN pip install --break-system-packages --no-index --target /site /wheels/*.whl
FROM base
RUN apt-get update && apt-get install -y --no-install-recommends sqlite3
COPY --from=build /site /usr/lib/python3/dist-packages/
COPY src /app
WORKDIR /app
RUN python3 -m compileall -q .
CMD ["python3", "-m", "app"]
"""


def sources(folder: Path, files: int, size: int, seed: int = 1) -> None:
    """Files like those of source trees: small, text, in nested folders; the same on every machine."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randint(2, 6)).hex().encode() + b" " for _ in range(3_000)]
    text = b"".join(rng.choices(words, k=400_000))
    weights = [rng.expovariate(1) for _ in range(files)]
    scale = size / sum(weights)
    for number, weight in enumerate(weights):
        path = folder / f"package{number % 97}" / f"module{number % 13}" / f"file{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = rng.randrange(len(text) // 2)
        path.write_bytes(text[start : start + int(weight * scale)])


class Peer:
    """A BuildKit daemon with state of its own."""

    def __init__(self, place: Path, layout: Path | None = None) -> None:
        self._socket, self._layout = place / "socket", layout
        place.mkdir()
        words = [str(PEERS / "buildkitd"), "--root", str(place / "root"), "--addr", f"unix://{self._socket}"]
        words += ["--oci-worker-binary=runc", "--containerd-worker=false", "--oci-worker-net=host"]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self._child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while subprocess.run([*self._ctl(), "debug", "workers"], capture_output=True).returncode:
            time.sleep(0.05)

    def _ctl(self) -> list[str]:
        return [str(PEERS / "buildctl"), "--addr", f"unix://{self._socket}"]

    def build(self, context: Path, out: Path, base: str = "") -> float:
        """Seconds that building `context` takes."""
        words = [*self._ctl(), "build", "--frontend=dockerfile.v0", "--local", f"context={context}"]
        words += ["--local", f"dockerfile={context}", "--output", f"type=oci,dest={out}", "--progress=plain"]
        if base:
            words += [f"--oci-layout=layout={self._layout}", f"--opt=context:base=oci-layout://layout@{base}"]
        return timed(words)[0]

    def end(self) -> None:
        """Stop the daemon."""
        self._child.terminate()
        self._child.wait(30)


class Buildah:
    """Buildah with a storage of its own, where it is installed."""

    def __init__(self, place: Path) -> None:
        found = shutil.which("buildah")
        self.words = [found] if found else []
        self.words += ["--storage-driver", "overlay", "--root", f"{place}/root", "--runroot", f"{place}/run"]
        self.installed = found is not None

    def build(self, context: Path) -> float:
        """Seconds that building `context` takes."""
        bud = ["bud", "--isolation", "oci", "--layers", "-q", "-t", "bench:1", str(context)]
        return timed([*self.words, *bud])[0]


def timed(words: list[str], env: dict[str, str] | None = None) -> tuple[float, int]:
    """Seconds that a whole process takes, and the largest resident memory of it in bytes."""
    began = time.perf_counter()
    child = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
    )
    assert child.stderr is not None
    said = child.stderr.read()
    child.stderr.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)}: {said.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - began, usage.ru_maxrss << 10


class Ours:
    """Our builder with a data folder of its own; notes the largest memory."""

    def __init__(self, home: Path) -> None:
        self.home, self.peak = home, 0

    def build(self, context: Path, *words: str) -> float:
        """Seconds that building `context` takes."""
        command = [str(Path(sys.executable).parent / "dockyard"), "build", "--quiet", "-t", "bench:1", *words]
        seconds, memory = timed([*command, str(context)], {"DOCKYARD_HOME": str(self.home)})
        self.peak = max(self.peak, memory)
        return seconds


def main() -> None:
    """Measure and report."""
    if not (PEERS / "buildkitd").exists() or os.geteuid() != 0:
        print("  skipped: needs root and buildkitd (make peers)")
        return
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory(prefix="bench-buildkit-") as temporary:
        for work in (_copies, _large, _steps, _application):
            print(f"  {work.__name__.strip('_')} …", flush=True)
            work(Path(temporary) / work.__name__, figures)
    report("buildkit", figures)


def _copies(place: Path, figures: dict[str, float | int]) -> None:
    context = place / "context"
    sources(context / "tree", FILES, BYTES)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY tree /app\n")
    changed = context / "tree" / "package5" / "module5" / "file5.py"
    changed.parent.mkdir(parents=True, exist_ok=True)
    ours: dict[str, list[float]] = {"cold": [], "one file changed": [], "unchanged": []}
    theirs: dict[str, list[float]] = {name: [] for name in ours}
    third: dict[str, list[float]] = {name: [] for name in ours}
    peak = 0
    for number in range(ROUNDS):
        mine, peer, buildah = (
            Ours(place / f"home{number}"),
            Peer(place / f"peer{number}"),
            Buildah(place / f"b{number}"),
        )
        builds = [(ours, partial(mine.build, context)), (theirs, partial(peer.build, context, place / "out.tar"))]
        if buildah.installed:
            builds.append((third, partial(buildah.build, context)))
        for times, build in builds:
            changed.write_text(f"round {number}, before\n")
            time.sleep(0.2)  # what was written this very moment is not relied on
            times["cold"].append(build())
            times["unchanged"].append(build())
            changed.write_text(f"round {number}, after\n")
            time.sleep(0.2)
            times["one file changed"].append(build())
        peer.end()
        peak = max(peak, mine.peak)
    _told(figures, ours, theirs, third)
    figures["peak memory of COPY, bytes"], figures["peak memory, at most, bytes"] = peak, MEMORY


def _large(place: Path, figures: dict[str, float | int]) -> None:
    """One file of 2 GB: what it takes of memory."""
    context = place / "context"
    context.mkdir(parents=True)
    piece = random.Random(3).randbytes(1 << 20) + bytes(1 << 20)
    with open(context / "large", "wb") as stream:
        stream.writelines(piece for _ in range(1 << 10))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY large /\n")
    mine = Ours(place / "home")
    figures["dockyard COPY of 2 GB, s"] = mine.build(context)
    figures["peak memory of COPY of 2 GB, bytes"] = mine.peak
    shutil.rmtree(place)


def _steps(place: Path, figures: dict[str, float | int]) -> None:
    """Twenty RUN steps on a base of one static program."""
    busybox = next((path for path in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if path.exists()), None)
    if busybox is None:
        print("  20 RUN: skipped, needs busybox-static")
        return
    context = place / "context"
    context.mkdir(parents=True)
    (context / "busybox").write_bytes(busybox.read_bytes())
    head = "FROM scratch\nCOPY --chmod=755 busybox /bin/sh\n"
    (context / "Dockerfile").write_text(head)
    ours: dict[str, list[float]] = {"20 RUN": []}
    theirs: dict[str, list[float]] = {"20 RUN": []}
    third: dict[str, list[float]] = {"20 RUN": []}
    mine, peer, buildah = Ours(place / "home"), Peer(place / "peer"), Buildah(place / "buildah")
    mine.build(context)
    peer.build(context, place / "out.tar")
    if buildah.installed:
        buildah.build(context)
    for number in range(ROUNDS):
        steps = "".join(f"RUN true {number} {step}\n" for step in range(20))
        (context / "Dockerfile").write_text(head + steps)
        ours["20 RUN"].append(mine.build(context))
        theirs["20 RUN"].append(peer.build(context, place / "out.tar"))
        if buildah.installed:
            third["20 RUN"].append(buildah.build(context))
    peer.end()
    _told(figures, ours, theirs, third)
    figures["peak memory of 20 RUN, bytes"] = mine.peak


def _application(place: Path, figures: dict[str, float | int]) -> None:
    """apt, pip, COPY and two stages: warm, after a change of the sources."""
    context = place / "context"
    sources(context / "src", 400, 4 << 20, seed=2)
    for path in (context / "src").rglob("*.py"):
        path.write_bytes(b"# " + path.read_bytes())  # words in one line: a comment, which Python compiles
    (context / "wheels").mkdir()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(context / "wheels")]
    wheels = ["Flask==3.0.3", "Werkzeug==3.0.3", "Jinja2==3.1.4", "click==8.1.7", "itsdangerous==2.2.0"]
    wheels += ["blinker==1.8.2", "MarkupSafe==2.1.5", "--python-version=3.11", "--only-binary=:all:"]
    subprocess.run([*pip, *wheels], check=True)
    (context / "Dockerfile").write_text(APPLICATION)
    mine = Ours(place / "home")
    dockyard = str(Path(sys.executable).parent / "dockyard")
    home = {"DOCKYARD_HOME": str(mine.home)}
    timed([dockyard, "base", "debian:bookworm", "--full", "--include", "python3", "-t", "base"], home)
    done = subprocess.run(
        [dockyard, "inspect", "base", "--json"], env={**os.environ, **home}, capture_output=True, check=True
    )
    import json

    digest = str(json.loads(done.stdout)["digest"])
    peer = Peer(place / "peer", mine.home / "store")
    ours: dict[str, list[float]] = {"application": []}
    theirs: dict[str, list[float]] = {"application": []}
    first = mine.build(context), peer.build(context, place / "out.tar", digest)
    for number in range(ROUNDS):
        (context / "src" / "package1" / "module1" / "changed.py").parent.mkdir(parents=True, exist_ok=True)
        (context / "src" / "package1" / "module1" / "changed.py").write_text(f"x = {number}\n")
        time.sleep(0.2)
        ours["application"].append(mine.build(context))
        theirs["application"].append(peer.build(context, place / "out.tar", digest))
    peer.end()
    figures["dockyard application, first, s"], figures["buildkit application, first, s"] = first
    _told(figures, ours, theirs)
    figures["peak memory of the application, bytes"] = mine.peak


def _told(
    figures: dict[str, float | int],
    ours: dict[str, list[float]],
    theirs: dict[str, list[float]],
    third: dict[str, list[float]] | None = None,
) -> None:
    for name, seconds in ours.items():
        if third and third[name]:
            figures[f"buildah {name}, s"] = statistics.median(third[name])
        one, two = statistics.median(seconds), statistics.median(theirs[name])
        figures[f"dockyard {name}, s"], figures[f"buildkit {name}, s"] = one, two
        figures[f"{name} ratio"], figures[f"{name} ratio, at most"] = one / two, LIMITS[name]


if __name__ == "__main__":
    main()
