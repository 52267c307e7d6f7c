"""Builds by an ordinary user, with subordinate IDs and without, and their networks."""

import contextlib
import functools
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.build.base.make import Order, make
from dockyard.content.layout import Layout
from dockyard.images.image import open_image
from dockyard.oci.reference import Reference
from making.builds import Yard, facts
from making.debs import TinyArchive
from making.ordinary import Ordinary, interpreter, ordinary_user

ALPINE = "alpine-minirootfs-3.16.9-x86_64.tar.gz"
EPOCH = "1700000000"
# Nothing in it needs more than one ID, so that every way can build it.
PLAIN = f"""\
FROM scratch
ADD {ALPINE} /
RUN echo one > /one && chmod 640 /etc/shadow && rm -r /etc/apk && mkdir /etc/apk && touch /etc/apk/new
RUN rm /one && ln -s two /link && mkfifo /pipe && ln /etc/hostname /hard && echo x >> /etc/passwd
COPY file /file
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=target=/context \\
    touch /c/x /t/x && ls /context > /seen
"""
OWNERS = f"""\
FROM scratch
ADD {ALPINE} /
RUN adduser -D joe && touch /a && chown 5:7 /a && mkdir /d && chown joe /d
USER joe
RUN touch /d/x && id -u > /home/joe/id
"""


@pytest.fixture(scope="module")
def python(program_of: Callable[[str], str]) -> str:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for name in ("runc", "newuidmap", "useradd", "setpriv", "unshare"):
        program_of(name)
    found = interpreter()
    if found is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    return found


@pytest.fixture(scope="module")
def user(python: str, archive: bytes) -> Iterator[Ordinary]:
    with ordinary_user(f"dyone{os.getpid()}", python, subordinate=True) as user:
        user.write(f"context/{ALPINE}", archive)
        user.write("context/file", "content\n")
        yield user


@pytest.fixture(scope="module")
def poor_user(python: str, archive: bytes) -> Iterator[Ordinary]:
    with ordinary_user(f"dytwo{os.getpid()}", python, subordinate=False) as user:
        user.write(f"context/{ALPINE}", archive)
        user.write("context/file", "content\n")
        yield user


@pytest.fixture(scope="module")
def archive(shared_data: Path) -> bytes:
    path = shared_data / "images" / ALPINE
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path.read_bytes()


def built(
    user: Ordinary, text: str, *words: str, before: tuple[str, ...] = (), home: str = ".local/share/dockyard"
) -> str:
    """The digest of `text` as `user` builds it."""
    user.write("context/Dockerfile", text)
    context = str(user.home / "context")
    env = {"SOURCE_DATE_EPOCH": EPOCH, "DOCKYARD_HOME": str(user.home / home)}
    done = user.dockyard("build", context, "--json", *words, env=env, before=before)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(json.loads(done.stdout)["digest"])


def refused(user: Ordinary, text: str, *words: str) -> dict[str, str]:
    """The error that building `text` gives."""
    user.write("context/Dockerfile", text)
    done = user.dockyard("build", str(user.home / "context"), "--json", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    return dict(json.loads(done.stdout or done.stderr)["error"])


def by_root(text: str, archive: bytes, path: Path) -> str:
    yard = Yard(path)
    yard.write({ALPINE: archive, "file": "content\n"})
    return str(yard.build(text, epoch=int(EPOCH)).descriptor.digest)


def test_an_ordinary_user_builds_what_root_builds(user: Ordinary, archive: bytes, tmp_path: Path) -> None:
    assert built(user, PLAIN) == by_root(PLAIN, archive, tmp_path / "plain")
    assert built(user, OWNERS) == by_root(OWNERS, archive, tmp_path / "owners")
    assert list((user.home / ".local/share/dockyard/work").iterdir()) == []
    assert list((user.home / ".local/share/dockyard/run").iterdir()) == []


def test_one_id_suffices_where_nothing_needs_more(poor_user: Ordinary, archive: bytes, tmp_path: Path) -> None:
    assert built(poor_user, PLAIN) == by_root(PLAIN, archive, tmp_path)


def test_with_one_id_it_says_what_cannot_be_done(poor_user: Ordinary) -> None:
    begin = f"FROM scratch\nADD {ALPINE} /\n"
    error = refused(poor_user, begin + "RUN chown 5:5 /etc/passwd\n")
    assert error["reference"] == "run-failed"
    assert "one user ID only" in error["hint"]
    assert refused(poor_user, begin + "USER 5\nRUN true\n")["reference"] == "ids-missing"
    mount = "RUN --mount=type=cache,target=/fresh,uid=7 true\n"
    assert refused(poor_user, begin + mount)["reference"] == "ids-missing"


def test_what_builds_keep_can_be_thrown_away_again(user: Ordinary) -> None:
    built(user, OWNERS, "--no-cache")
    done = user.dockyard("cache", "prune", "--json")
    assert done.returncode == 0, done.stderr
    data = user.home / ".local/share/dockyard"
    assert not [*data.glob("layers*/[0-9a-f]*"), *data.glob("roots/*")]


def covered(user: Ordinary, work: Path, script: str = "true") -> tuple[str, ...]:
    """Words that lay an overlay over the user's home, on which no further overlay can write, and run `script`."""
    home = user.home
    overlay = f"mount -t overlay overlay -o lowerdir={home},upperdir={work}/upper,workdir={work}/work {home}"
    return ("unshare", "--mount", "sh", "-c", f'{overlay} && {script} && exec "$@"', "sh")


# Hides a part of /proc, as containers do; the kernel then lets nobody mount another /proc.
HIDDEN = "mount -t tmpfs tmpfs /proc/driver"


@pytest.mark.parametrize(
    ("script", "way"),
    [
        ("true", "runc on a copy of the root file system"),
        (HIDDEN, "a changed root on a copy of the root file system"),
    ],
)
def test_without_overlayfs_a_copy_gives_the_same(
    user: Ordinary, archive: bytes, tmp_path: Path, script: str, way: str
) -> None:
    work = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        for name in ("upper", "work"):
            (work / name).mkdir()
        shutil.chown(work / "upper", user.name, user.name)
        before = covered(user, work, script)
        said = user.dockyard("doctor", "--json", before=before)
        assert json.loads(said.stdout)["run"]["way"] == f"rootless, with subordinate IDs: {way}", said.stderr
        secret = user.write("secret", "hunter2-very-secret")
        mounts = (
            "RUN --mount=type=secret,id=s --mount=type=cache,target=/c --mount=target=/context"
            " test $(wc -c < /run/secrets/s) = 19 && test -e /c/x && test -e /context/file\n"
        )
        for number, text in enumerate((PLAIN, OWNERS)):
            digest = built(user, text, "--tag", f"x:{number}", before=before, home="covered")
            yard = Yard(tmp_path / str(number))
            yard.write({ALPINE: archive, "file": "content\n"})
            theirs = yard.build(text, epoch=int(EPOCH)).image.tree()
            store = Layout(work / "upper" / "covered" / "store")
            ours = open_image(store, store.resolve(f"docker.io/library/x:{number}"))
            assert str(ours.descriptor.digest) == digest
            assert facts(ours.tree()) == facts(theirs)
        words = ("--secret", f"id=s,src={secret}")
        built(user, PLAIN + mounts, *words, before=before)
    finally:
        shutil.rmtree(work)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_killed_build_leaves_nothing_running(user: Ordinary, hidden: bool) -> None:
    name = "sleeping" + os.urandom(3).hex()
    text = f"FROM scratch\nADD {ALPINE} /\nUSER 1000\nRUN echo started {name}; sleep 1000 & sleep 2000\n"
    user.write("context/Dockerfile", text)
    work = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        for each in ("upper", "work"):
            (work / each).mkdir()
        shutil.chown(work / "upper", user.name, user.name)
        before = covered(user, work, HIDDEN) if hidden else ()
        words = [*before, *user.words(user.python, "-m", "dockyard.cli.main", "build", str(user.home / "context"))]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/") as child:
            try:
                assert child.stderr is not None
                while f"started {name}".encode() not in child.stderr.readline():
                    assert child.poll() is None
                owner = 1000 + _first_subordinate(user) - 1
                _await(lambda: len(_processes(owner)) >= 2)
                running = _processes(owner)
            finally:
                child.kill()
        _await(lambda: not any(Path("/proc", str(each)).exists() for each in running))
    finally:
        shutil.rmtree(work)
    built(user, f"FROM scratch\nADD {ALPINE} /\nRUN true\n")
    assert list((user.home / ".local/share/dockyard/work").iterdir()) == []
    assert list((user.home / ".local/share/dockyard/run").iterdir()) == []


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _first_subordinate(user: Ordinary) -> int:
    lines = Path("/etc/subuid").read_text().splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith(f"{user.name}:"))


def _processes(owner: int) -> list[int]:
    """The numbers of the processes that `owner` runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid == owner:
                found.append(int(path.name))
    return found


def test_the_user_keeps_name_and_home_in_his_namespace(user: Ordinary) -> None:
    code = (
        "import os, pwd; from dockyard.runtime.namespace import enter, ids; assert enter() == '' and enter() == '';"
        "me = pwd.getpwuid(0); print(os.getuid(), ids(), me.pw_name, me.pw_dir, pwd.getpwnam('root').pw_dir)"
    )
    done = subprocess.run(user.words(user.python, "-c", code), capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.split() == ["0", "subordinate", user.name, str(user.home), "/root"], done.stderr
    lines = Path("/etc/passwd").read_text().splitlines()
    assert not [line for line in lines if line.startswith(f"{user.name}:x:0:")]  # nobody else sees it


def test_a_failing_stage_ends_the_one_beside_it(user: Ordinary) -> None:
    text = (
        f"FROM scratch AS base\nADD {ALPINE} /\nFROM base AS a\nRUN sleep 60\nFROM base AS b\nRUN sleep 0.5; exit 7\n"
        "FROM base\nCOPY --from=b /etc /x\nCOPY --from=a /etc /x\n"
    )
    began = time.monotonic()
    assert "status 7" in refused(user, text)["message"]
    assert time.monotonic() - began < 30


def test_power_and_limits_are_those_of_the_namespace(user: Ordinary) -> None:
    text = (
        f"FROM scratch\nADD {ALPINE} /\n"
        "RUN --security=insecure mkdir /m && mount -t tmpfs tmpfs /m && umount /m && rmdir /m\n"
        "RUN ! mount -t tmpfs tmpfs /mnt\n"
    )
    built(user, text, "--no-cache", "--allow", "security.insecure")


def test_secrets_and_bind_mounts_reach_the_command(user: Ordinary) -> None:
    secret = user.write("secret", "hunter2-very-secret")
    text = (
        f"FROM scratch AS base\nADD {ALPINE} /\nFROM base\n"
        "RUN --mount=type=secret,id=s,uid=1,mode=0400 test $(stat -c %u /run/secrets/s) = 1\n"
        "RUN --mount=type=secret,id=s,env=S test $(echo -n $S | wc -c) = 19\n"
        "RUN --mount=from=base,target=/b,rw touch /b/x && test -e /b/etc/passwd\n"
    )
    built(user, text, "--no-cache", "--secret", f"id=s,src={secret}")


@pytest.mark.parametrize(
    ("words", "reference"),
    [(("--cgroup-parent", "/x"), "limit-refused"), (("--ulimit", "nofile=1:99999999"), "limit-refused")],
)
def test_limits_that_only_root_may_set_are_refused(user: Ordinary, words: tuple[str, ...], reference: str) -> None:
    assert refused(user, f"FROM scratch\nADD {ALPINE} /\nRUN true\n", "--no-cache", *words)["reference"] == reference


def test_limits_and_hosts_reach_the_command(user: Ordinary) -> None:
    check = "ulimit -n) = 150 && test $(df -k /dev/shm | tail -n 1 | awk '{print $2}') = 2048 && grep 127.0.0.1.*me "
    words = ("--ulimit", "nofile=150", "--shm-size", "2m", "--add-host", "me:host-gateway", "--network", "host")
    built(user, f"FROM scratch\nADD {ALPINE} /\nRUN test $({check}/etc/hosts\n", "--no-cache", *words)


def test_deploying_says_first_that_it_needs_root(user: Ordinary) -> None:
    done = user.dockyard("deploy", "no-such-image", "--json")
    assert json.loads(done.stdout)["error"]["reference"] == "root-needed"


# What configuring runs, of which dpkg alone is made up: it gives files to others, as packages' scripts do.
PROGRAMS = ("sh", "ln", "chmod", "touch", "rm", "mkdir", "chown")
DPKG = b"#!/bin/sh\nmkdir -p /var/mail && chown 8:12 /var/mail && echo $* >> /done && chown 5:7 /done\n"


@pytest.fixture
def distribution(archive: bytes, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A distribution's archive with just enough for a full system: its address and keyring."""
    (tmp_path / "served").mkdir()
    made = TinyArchive(tmp_path / "served")
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        box, loader = (opened.extractfile(name) for name in ("./bin/busybox", "./lib/ld-musl-x86_64.so.1"))
        assert box is not None
        assert loader is not None
        program, library = box.read(), loader.read()
    essential = {"Essential": "yes"}
    made.add("box", "1", {"lib/ld-musl-x86_64.so.1": library, **{f"bin/{e}": program for e in PROGRAMS}}, **essential)
    made.add("dpkg", "1", {"usr/bin/dpkg": DPKG, "usr/bin/mawk": b"", "etc/apt/x": b""}, **essential)
    for name in ("apt", "ca-certificates", "debian-archive-keyring", "usr-is-merged"):
        made.add(name, "1", {f"usr/share/doc/{name}": b"x"})
    made.publish()
    handler = functools.partial(_Files, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", made.keyring
    server.shutdown()
    thread.join()
    server.server_close()
    made.close()


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_full_base_image_is_the_same_without_root(
    user: Ordinary, poor_user: Ordinary, distribution: tuple[str, Path], tmp_path: Path
) -> None:
    url, keyring = distribution
    order = Order.of("debian:bookworm", full=True, mirror=url, security_mirror=url, keyring=keyring)
    store = Layout(tmp_path / "home" / "store", create=True)
    made = make(order, store, tmp_path / "home", tags=[Reference.parse("made:1")])
    tree = open_image(store, made.descriptor).tree()
    calls = ("--force-depends --configure base-passwd", "--force-depends --configure base-files mawk", "--configure -a")
    assert tree.read("done").decode().splitlines() == list(calls)
    words = ["base", "debian:bookworm", "--full", "--mirror", url, "--security-mirror", url, "--json"]
    for each in (user, poor_user):
        done = each.dockyard(*words, "--keyring", str(each.write("keyring.gpg", keyring.read_bytes())))
        if each is user:
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["digest"] == str(made.descriptor.digest)
        else:
            assert json.loads(done.stdout)["error"]["reference"] == "ids-missing"


def test_doctor_says_which_way_and_what_is_missing(user: Ordinary, poor_user: Ordinary) -> None:
    said = json.loads(user.dockyard("doctor", "--json").stdout)["run"]
    assert said["way"] == "rootless, with subordinate IDs: runc on overlayfs"
    assert not [each for each in said["missing"] if "subuid" in each["advice"]]
    said = json.loads(poor_user.dockyard("doctor", "--json").stdout)["run"]
    assert said["way"] == "rootless, with a single ID: runc on overlayfs"
    advice = [each["advice"] for each in said["missing"]]
    assert any("usermod --add-subuids" in each and poor_user.name in each for each in advice)


class _Marker(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"asked for {self.path}".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[int]:
    """A server on this machine's loopback that answers with what it is asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Marker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tunnel(tmp_path: Path) -> tuple[str, ...]:
    """Words that let everyone use /dev/net/tun in a mount namespace of their own, as distributions do."""
    script = (
        f'mknod {tmp_path}/tun c 10 200; chmod 666 {tmp_path}/tun; mount --bind {tmp_path}/tun /dev/net/tun; exec "$@"'
    )
    return ("unshare", "--mount", "sh", "-c", script, "sh")


@pytest.mark.parametrize("network", ["default", "private", "slirp4netns", "pasta"])
def test_a_step_has_a_network_of_its_own_and_reaches_this_machine(
    user: Ordinary, network: str, served: int, tunnel: tuple[str, ...], program: Callable[[str], str]
) -> None:
    program("pasta" if network == "pasta" else "slirp4netns")
    text = (
        f"FROM scratch\nADD {ALPINE} /\n"
        f"RUN test $(readlink /proc/self/ns/net) != '{os.readlink('/proc/self/ns/net')}' &&"
        f" wget -qO /proxied http://elsewhere.invalid/x && unset http_proxy &&"
        f" wget -qO /direct http://host.containers.internal:{served}/y &&"
        " grep -q 'asked for http://elsewhere.invalid/x' /proxied && grep -q 'asked for /y' /direct\n"
    )
    proxy = f"http_proxy=http://localhost:{served}"
    built(user, text, "--no-cache", "--network", network, "--build-arg", proxy, before=tunnel)


def test_without_the_device_for_it_the_default_is_the_machines_network(user: Ordinary, tmp_path: Path) -> None:
    script = (
        f'mknod {tmp_path}/tun c 10 200; chmod 600 {tmp_path}/tun; mount --bind {tmp_path}/tun /dev/net/tun; exec "$@"'
    )
    shut = ("unshare", "--mount", "sh", "-c", script, "sh")
    own = os.readlink("/proc/self/ns/net")
    text = f"FROM scratch\nADD {ALPINE} /\nRUN test $(readlink /proc/self/ns/net) {{}} '{own}'\n"
    built(user, text.format("="), "--no-cache", before=shut)
    built(user, text.format("!="), "--no-cache", "--network", "none", before=shut)
    user.write("context/Dockerfile", text.format("="))
    words = ("build", str(user.home / "context"), "--json", "--no-cache", "--network", "private")
    done = user.dockyard(*words, before=shut)
    assert "network-failed" in done.stdout + done.stderr


@pytest.mark.parametrize("network", ["slirp4netns", "pasta"])
def test_root_may_have_it_too(
    root: None, network: str, served: int, archive: bytes, tmp_path: Path, program: Callable[[str], str]
) -> None:
    program(network)
    yard = Yard(tmp_path)
    yard.write({ALPINE: archive})
    text = f"FROM scratch\nADD {ALPINE} /\nRUN wget -qO /x http://host.docker.internal:{served}/y\n"
    assert yard.build(text, network=network).image.tree().read("x") == b"asked for /y"
