"""`make demo`: the main job on a real application, with embedded defaults.

Ships version 1 of the shop, then version 2 blue-green under load, then shows a broken version being refused and a
vulnerable one being denied. Everything it makes lies in `.demo/` (or DEMO_FOLDER); run it again and what is done is
not done again.
`python examples/shop/demo.py --stop` ends what it leaves running.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from load import Load

EXAMPLE = Path(__file__).resolve().parent
DEMO = Path(os.environ.get("DEMO_FOLDER") or EXAMPLE.parent.parent / ".demo").resolve()
SHOP = DEMO / "shop"
STATE = DEMO / "ports.json"
ENVIRONMENT = {
    **os.environ,
    "DOCKYARD_HOME": str(DEMO / "home"),
    "COSIGN_PASSWORD": "demo",  # a key for this folder only
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
}
CLOCK = time.monotonic()


def main() -> int:
    """Run the demo, or stop what it left running."""
    if "--stop" in sys.argv[1:]:
        return stop()
    DEMO.mkdir(exist_ok=True)
    ports = find_ports()
    title("Base images from Debian's signed packages")
    builder = base("bases/python-pip:bookworm", "python3,python3-pip,ca-certificates")
    runtime = base("bases/python:bookworm", "python3,ca-certificates")
    lay_out(ports, builder, runtime)
    wheels()
    serve_registry(ports["registry"])
    if not (SHOP / "cosign.key").exists():
        dockyard("keygen")
    title("Advisories: the application's from the example, the distribution's live from its archive")
    dockyard("feed", "update", "--osv", "advisories", "--debian-archive", "bookworm", "--for", "bases/python:bookworm")

    title("Version 1: lint, build, scan, judge, push, sign, deploy, watch")
    dockyard("ship", "--tag", "1.0.0")
    expect_page(ports["shop"], "1.0.0")

    title("Version 2, blue-green, while people use version 1")
    page = SHOP / "app" / "templates" / "page.html"
    page.write_text(
        page.read_text().replace(
            "<h1>The dockside shop</h1>", "<h1>The dockside shop</h1>\n<p>Now with free delivery.</p>"
        )
    )
    with Load(ports["shop"]) as load:
        dockyard("ship", "--tag", "1.1.0")
        time.sleep(1)
    say(f"during the switch: {dict(load.answers)}, errors: {load.errors[:3] or 'none'}")
    if load.errors:
        return fail(f"{len(load.errors)} requests failed during the switch")
    expect_page(ports["shop"], "1.1.0")

    title("Version 3 is broken: it never gets traffic, version 2 keeps serving")
    catalogue = SHOP / "app" / "catalogue.py"
    sound = catalogue.read_text()
    catalogue.write_text(
        sound.replace("SELECT number, name, cents FROM goods ORDER", "SELECT number, name, stock FROM goods ORDER")
    )
    dockyard("ship", "--tag", "1.2.0", expected=5)
    catalogue.write_text(sound)
    expect_page(ports["shop"], "1.1.0")

    title("Version 4 has a dependency with a known vulnerability: the policy denies it")
    dockyard("ship", "--tag", "1.3.0", "--build-arg", "LOCK=requirements-vulnerable.lock", expected=1)
    expect_page(ports["shop"], "1.1.0")

    title("What runs, and the proof")
    dockyard("verify", "--key", "cosign.pub", f"127.0.0.1:{ports['registry']}/shop/web:1.1.0")
    dockyard("status", "shop")
    look_at(ports)
    return 0


def lay_out(ports: dict[str, int], builder: str, runtime: str) -> None:
    """Copy the example to `.demo/shop` at version 1, its bases pinned by digest."""
    SHOP.mkdir(exist_ok=True)
    for name in ("app", "advisories"):
        shutil.copytree(EXAMPLE / name, SHOP / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Dockerfile", ".dockerignore", "requirements.lock", "requirements-vulnerable.lock"):
        shutil.copy2(EXAMPLE / name, SHOP / name)
    settings = (EXAMPLE / "dockyard.toml").read_text()
    settings = settings.replace("127.0.0.1:5000", f"127.0.0.1:{ports['registry']}").replace(
        "port = 8080", f"port = {ports['shop']}"
    )
    pins = f'[build.args]\nBUILDER = "{builder}"\nRUNTIME = "{runtime}"\n'
    (SHOP / "dockyard.toml").write_text(settings.replace("[build.args]\n", pins))


def base(name: str, packages: str) -> str:
    """Make a base image and return its name by digest."""
    document = dockyard("base", "debian:bookworm", "--include", packages, "-t", name, json=True)
    return f"{name.partition(':')[0]}@{document['digest']}"


def wheels() -> None:
    """Fetch the locked dependencies, which pip checks by their hashes, once."""
    title("The application's locked dependencies")
    locks = [SHOP / "requirements.lock", SHOP / "requirements-vulnerable.lock"]
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    folder, marker = SHOP / "wheels", DEMO / "wheels.sha256"
    if marker.exists() and marker.read_text() == wanted:
        return say("already fetched")
    for lock in locks:
        words = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--require-hashes",
            "--no-deps",
        ]
        words += ["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux2014_x86_64", "--platform=any"]
        subprocess.run([*words, "-d", str(folder), "-r", str(lock)], check=True)
    marker.write_text(wanted)
    return say(f"{len(list(folder.iterdir()))} wheels")


def find_ports() -> dict[str, int]:
    """The ports of an earlier run, or the first free ones from 5000 and 8080."""
    if STATE.exists():
        return dict(json.loads(STATE.read_text()))
    ports = {"registry": free_port(5000), "shop": free_port(8080)}
    STATE.write_text(json.dumps(ports))
    return ports


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise SystemExit(f"no free port from {first} on")


def serve_registry(port: int) -> None:
    """Start our registry unless it runs already."""
    if answers(f"http://127.0.0.1:{port}/v2/"):
        return
    title("A private registry")
    say(f"$ dockyard serve --listen 127.0.0.1:{port} &")
    with open(DEMO / "registry.log", "ab") as log:
        words = [sys.executable, "-m", "dockyard.cli.main", "serve", "--listen", f"127.0.0.1:{port}"]
        server = subprocess.Popen(words, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True)
    (DEMO / "registry.pid").write_text(str(server.pid))
    deadline = time.monotonic() + 15
    while not answers(f"http://127.0.0.1:{port}/v2/"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((DEMO / "registry.log").read_text())
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether `url` is served."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def expect_page(port: int, version: str) -> None:
    """Fetch the shop's page and check which version it comes from."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
        served = response.headers["X-Shop-Version"]
    say(f"http://127.0.0.1:{port}/ is served by version {served}")
    if served != version:
        raise SystemExit(fail(f"expected version {version}"))


def dockyard(*words: str, expected: int = 0, json: bool = False) -> Any:
    """Run a dockyard command in the shop's folder, showing it; end the demo if it ends otherwise than expected."""
    say(f"$ dockyard {' '.join(words)}")
    folder = SHOP if SHOP.exists() else DEMO
    command = [sys.executable, "-m", "dockyard.cli.main", *words, *(["--json"] if json else [])]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=folder, stdout=subprocess.PIPE if json else None)
    if done.returncode != expected:
        raise SystemExit(fail(f"dockyard {words[0]} ended with {done.returncode}, expected {expected}"))
    if expected:
        say(f"(exit code {expected}, as it should be)")
    return parsed(done.stdout) if json else None


def parsed(output: bytes) -> Any:
    """The JSON document that a command printed."""
    return json.loads(output)


def look_at(ports: dict[str, int]) -> None:
    """Say how to look at each thing."""
    home = f"DOCKYARD_HOME={os.path.relpath(DEMO / 'home')}"
    program = os.path.relpath(Path(sys.executable).parent / "dockyard")
    title(f"Done in {time.monotonic() - CLOCK:.1f} s. Look at it:")
    for what, how in (
        ("the shop", f"http://127.0.0.1:{ports['shop']}/"),
        ("its log lines", f"{home} {program} logs shop -f"),
        ("what runs", f"{home} {program} status"),
        ("the last record", f"{home} {program} record"),
        ("all records", f"{home} {program} record --all"),
        ("the images", f"{home} {program} images"),
        ("the findings", f"{home} {program} scan 127.0.0.1:{ports['registry']}/shop/web:1.1.0"),
        ("one step back", f"{home} {program} undo shop"),
        ("stop it all", "make demo-stop"),
    ):
        print(f"  {what:<16} {how}")


def stop() -> int:
    """End the shop and the registry."""
    if SHOP.exists():
        subprocess.run([sys.executable, "-m", "dockyard.cli.main", "stop", "shop"], env=ENVIRONMENT, cwd=SHOP)
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((DEMO / "registry.pid").read_text()), signal.SIGTERM)
        (DEMO / "registry.pid").unlink()
    return 0


def title(text: str) -> None:
    """Say what comes next and when."""
    bold, off = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}[{time.monotonic() - CLOCK:5.1f} s] {text}{off}", flush=True)


def say(text: str) -> None:
    """Print a line at once, so that it stands before what the next command prints."""
    print(text, flush=True)


def fail(text: str) -> int:
    """Say what went wrong."""
    print(f"the demo failed: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
