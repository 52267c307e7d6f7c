"""A builder that is killed, lied to, given too much, or run twice at once, under the real kernel.

`DOCKYARD_KILLS` says how often a build is killed (5 times unless told).
"""

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dockyard.build.cache.exchange import CACHE_TYPE, exported, imported
from dockyard.build.cache.kept import CacheBusyError, prune
from dockyard.build.ground import step_cache
from dockyard.build.lazy.lent import fetching
from dockyard.build.options import Options
from dockyard.build.secrets.secret import Secret
from dockyard.content.copy import copy
from dockyard.content.layout import Layout, TagNotFoundError
from dockyard.content.store import read
from dockyard.images.archive import load
from dockyard.images.image import Image, open_image
from dockyard.images.remove import remove
from dockyard.layers.fault import ArchiveInvalidError, LayerMismatchError
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, encode
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT
from dockyard.registry.client import Client
from dockyard.registry.settings import Settings
from dockyard.runtime import container
from making.builds import Yard
from making.images import image
from making.serving import Server

Make = Callable[[Layout, str], Layer]
KILLS = int(os.environ.get("DOCKYARD_KILLS", "5"))
SECRET = "s3cr3t-Rj9qX2-value"


@pytest.fixture
def yard(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> Yard:
    program("runc")
    yard = Yard(tmp_path / "yard")
    base = image(yard.store, rootfs_layer(yard.store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
    yard.store.tag("docker.io/library/busybox:latest", base.descriptor)
    return yard


PEAK = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def start(yard: Yard, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """A build by the command line, in a process of its own."""
    command = [sys.executable, "-m", "dockyard.cli.main", "build", str(yard.context), *words]
    environment = {**os.environ, "DOCKYARD_HOME": str(yard.data), **(env or {})}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def sound(yard: Yard) -> None:
    """Every blob is what its name says, and everything that a tag or a cache record names is there."""
    blobs = {}
    for path in (yard.store.path / "blobs" / "sha256").iterdir():
        with open(path, "rb") as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == path.name
        blobs[path.name] = path.stat().st_size
    for descriptor in yard.store.tags().values():
        found = open_image(yard.store, descriptor)
        for layer in found.layers:
            layer.verify()
            assert blobs[layer.descriptor.digest.hex] == layer.descriptor.size
    for path in (yard.data / "cache" / "steps").glob("*/*"):
        record = json.loads(path.read_bytes())
        if record.get("digest"):
            assert blobs[record["digest"].partition(":")[2]] == record["size"]


KILLED = """\
FROM busybox AS work
ARG ROUND
COPY tree /tree
RUN --mount=type=cache,target=/c --mount=type=secret,id=s,env=S echo $ROUND > /c/n; cat /tree/*/f* | md5sum > /sum
RUN for i in 1 2 3 4 5 6 7 8 9; do echo $i > /f$i; done
FROM busybox
COPY --from=work /sum /f* /out/
COPY tree/d1 /d1
RUN cat /d1/f1 > /last && mkdir -p /a/b && ln /last /a/b/hard
"""


def test_a_build_that_is_killed_at_any_moment_leaves_a_sound_store_and_completes(
    yard: Yard, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its archive is the old one or the new one, its tag in a registry never names what is not there."""
    rng = random.Random(int(os.environ.get("DOCKYARD_SEED", "4")))
    yard.write({f"tree/d{n % 7}/f{n}": rng.randbytes(20_000) for n in range(200)})
    (yard.context / "Dockerfile").write_text(KILLED)
    request.addfinalizer((server := Server(tmp_path)).stop)
    reach = Client(Settings(), lambda _: None)
    out = tmp_path / "out" / "image.tar"
    out.parent.mkdir()
    name = f"{server.address}/killed:1"
    words = ["-t", name, "--quiet", "--secret", "id=s,env=SECRET_OF_TEST", "--push", "-o", f"type=oci,dest={out}"]
    words += ["--cache-to", f"type=local,dest={tmp_path / 'cache'},mode=max,mounts=true"]

    def begun(number: int, *, home: Path = yard.data) -> "subprocess.Popen[bytes]":
        env = {"SECRET_OF_TEST": SECRET, "SOURCE_DATE_EPOCH": "1700000000", "DOCKYARD_HOME": str(home)}
        return start(yard, *words, "--build-arg", f"ROUND={number}", env=env)

    def pushed() -> Digest:
        return reach.find(Reference.parse(name))[1].digest

    began = time.monotonic()
    said, _ = begun(0).communicate(timeout=120)
    whole = time.monotonic() - began
    assert yard.store.tags()[name], said
    ended = 0
    digests = [pushed()]
    for number in range(1, KILLS + 1):
        yard.write({"tree/d1/f1": f"round {number}\n", "tree/d2/f2": rng.randbytes(30_000)})
        child = begun(number)
        try:
            child.communicate(timeout=rng.uniform(0.05, whole))
            ended += 1
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
        sound(yard)
        there = pushed()
        repository, descriptor, _ = reach.find(Reference.parse(name))
        for layer in open_image(repository, descriptor).layers:
            layer.verify()
        held = archived(out, tmp_path / "loaded")
        assert held == digests[-1] or held == yard.store.resolve(name).digest
        again = begun(number)
        said, _ = again.communicate(timeout=120)
        assert again.returncode == 0, said.decode()
        digests.append(yard.store.resolve(name).digest)
        assert pushed() == archived(out, tmp_path / "loaded") == digests[-1]
        assert there in digests[-2:]
        tree = open_image(yard.store, yard.store.resolve(name)).tree()
        assert tree.read("last") == f"round {number}\n".encode()
        want = b"".join(path.read_bytes() for path in sorted(yard.context.glob("tree/*/f*")))
        assert tree.read("out/sum").split()[0].decode() == hashlib.md5(want).hexdigest()
        assert tree.read("out/f9") == b"9\n"
    sound(yard)
    assert ended < KILLS
    assert not list((yard.data / "work").iterdir())
    time.sleep(6)
    container.sweep(yard.data / "run")  # as the next build does
    assert not list((yard.data / "run").glob("build-*"))
    assert str(yard.path) not in Path("/proc/self/mountinfo").read_text()
    assert searched(yard, SECRET) == []
    for path in Path("/dev/shm").glob("dockyard-*"):
        assert Path("/proc", path.name.split("-")[1]).exists(), "left by a killed build"
    # What came of a build that was killed is what one gives that never was.
    shutil.copytree(yard.store.path, tmp_path / "fresh" / "store")
    said, _ = begun(KILLS, home=tmp_path / "fresh").communicate(timeout=120)
    assert pushed() == digests[-1], said


def archived(path: Path, folder: Path) -> Digest:
    """The digest of the one image in an archive, which is whole."""
    store = Layout(folder, create=True)
    with open(path, "rb") as stream:
        (found,) = load(stream, store).values()
    for layer in open_image(store, found).layers:
        layer.verify()
    shutil.rmtree(folder)
    return found.digest


def searched(yard: Yard, value: str) -> list[str]:
    """Where the value stands below the data folder: in files, names, links, attributes, or inside layers."""
    wanted = value.encode()
    found = []
    for path in yard.data.rglob("*"):
        if value in path.name or (path.is_symlink() and value in os.readlink(path)):
            found.append(str(path))
        if path.is_file() and not path.is_symlink() and wanted in path.read_bytes():
            found.append(str(path))
        names = os.listxattr(path, follow_symlinks=False)
        found += [f"{path}: {each}" for each in names if wanted in os.getxattr(path, each, follow_symlinks=False)]
    for descriptor in yard.store.tags().values():
        for layer in open_image(yard.store, descriptor).layers:
            with layer.open_uncompressed() as stream:
                if wanted in stream.read():
                    found.append(str(layer.descriptor.digest))
    return found


def test_a_secret_stands_nowhere_but_in_the_command_s_hands(yard: Yard, tmp_path: Path) -> None:
    """In the middle of the build, after it, in its log, its provenance, its exported cache, and its failure."""
    yard.write({"token": SECRET, ".dockerignore": "token\n"})
    text = (
        "FROM busybox\n"
        "RUN --mount=type=secret,id=s,env=S --mount=type=secret,id=s cat /run/secrets/s; echo got $S; sleep 1\n"
        "RUN --mount=type=secret,id=s,required=true,target=/t cat /t; sleep 1; exit $(wc -c < /t | head -c0)\n"
    )
    (yard.context / "Dockerfile").write_text(text)
    cache = tmp_path / "cache"
    words = ["-t", "secret:1", "--secret", f"id=s,src={yard.context}/token", "--provenance", "max", "--sbom"]
    words += ["--cache-to", f"type=local,dest={cache},mode=max,mounts=true"]
    child = start(yard, *words)
    assert child.stdout is not None
    said = b""
    looked = 0
    while line := child.stdout.readline():
        said += line
        if b"got" in line or b"***" in line:
            looked += 1
            assert searched(yard, SECRET) == []
    child.wait(60)
    child.stdout.close()
    assert child.returncode == 0, said.decode()
    assert looked
    assert b"got ***" in said
    assert SECRET.encode() not in said
    assert searched(yard, SECRET) == []
    exported = Yard.__new__(Yard)
    exported.data, exported.store = cache, Layout(cache)
    assert not any(SECRET.encode() in path.read_bytes() for path in cache.rglob("*") if path.is_file())
    failing = text.replace("exit ", "exit 3 ")
    (yard.context / "Dockerfile").write_text(failing)
    child = start(yard, *words)
    said, _ = child.communicate(timeout=60)
    assert child.returncode != 0
    assert SECRET.encode() not in said
    assert searched(yard, SECRET) == []


def test_a_secret_that_cannot_be_a_variable_is_not_shown_by_what_refuses_it(yard: Yard) -> None:
    (yard.context / "Dockerfile").write_text("FROM busybox\nRUN --mount=type=secret,id=s,env=S true\n")
    (yard.path / "secret").write_bytes(f"a\0{SECRET}".encode())
    child = start(yard, "--secret", f"id=s,src={yard.path / 'secret'}", "--progress", "rawjson")
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 2
    assert b"null byte" in said
    assert SECRET.encode() not in said
    assert searched(yard, SECRET) == []


def test_a_command_that_writes_a_secret_into_the_image_is_told(yard: Yard) -> None:
    text = "FROM busybox\nRUN --mount=type=secret,id=s mkdir /d && cp /run/secrets/s /d/copy && chmod 600 /d/copy\n"
    built = yard.build(text, secrets={"s": Secret("s", SECRET.encode())})
    assert any("line 2" in line and "'s'" in line and "/d/copy" in line for line in yard.progress.lines)
    assert built.image.tree().read("d/copy") == SECRET.encode()  # as every builder does it


def test_two_builds_at_once_share_their_work_and_are_both_right(yard: Yard) -> None:
    """The same Dockerfile over two contexts: equal steps run once, different ones apart."""
    text = (
        "FROM busybox\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /once\nCOPY tree /t\nRUN cat /t/mine > /mine\n"
    )
    twin = Yard.__new__(Yard)
    twin.path, twin.context, twin.data, twin.store = yard.path, yard.path / "other", yard.data, yard.store
    for each, mine in ((yard, "one"), (twin, "two")):
        (each.context / "tree").mkdir(parents=True)
        for number in range(300):
            (each.context / "tree" / f"f{number}").write_text("x" * number)
        (each.context / "tree" / "mine").write_text(mine)
        (each.context / "Dockerfile").write_text(text)
    children = [start(yard, "-t", "same:1"), start(yard, "-t", "same:2"), start(twin, "-t", "other:1")]
    said = [child.communicate(timeout=120)[0].decode() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said
    names = ("same:1", "same:2", "other:1")
    images = [open_image(yard.store, yard.store.resolve(f"docker.io/library/{name}")) for name in names]
    assert images[0].descriptor.digest == images[1].descriptor.digest
    assert len({each.tree().read("once") for each in images}) == 1
    assert [each.tree().read("mine") for each in images] == [b"one", b"one", b"two"]
    sound(yard)


def test_builds_that_share_stages_survive_pruning_and_removing_at_the_same_time(yard: Yard) -> None:
    """Whatever is thrown away meanwhile, every build ends well and every tag names a whole image."""
    shared = "FROM busybox AS base\nRUN echo shared > /s\nFROM base AS two\nCOPY tree /t\nRUN cat /t/* > /sum\n"
    yards = []
    for number in range(3):
        each = Yard.__new__(Yard)
        each.path, each.context, each.data, each.store = yard.path, yard.path / f"c{number}", yard.data, yard.store
        (each.context / "tree").mkdir(parents=True)
        each.write({f"tree/f{n}": "x" * n for n in range(50)})
        mine = (
            f"FROM base\nCOPY --from=two /sum /t /o/\nRUN --mount=type=cache,target=/c echo {number} | tee /c/m > /m\n"
        )
        each.write({"Dockerfile": shared + mine})
        yards.append(each)
    stop = threading.Event()
    codes: list[int] = []

    def throw_away() -> None:
        rng = random.Random(1)
        while not stop.is_set():
            with contextlib.suppress(CacheBusyError):
                prune(yard.data, yard.store, 0)
            names = [name for name in yard.store.tags() if "/app" in name]
            with contextlib.suppress(TagNotFoundError):
                remove(yard.store, [rng.choice(names)] if names else [], grace=0)
            time.sleep(0.02)

    def build_again(each: Yard, number: int) -> None:
        for time_ in range(3):
            child = start(each, "-t", f"app{number}:{time_}", "--quiet")
            said, _ = child.communicate(timeout=120)
            codes.append(child.returncode)
            assert child.returncode == 0, said

    cleaner = threading.Thread(target=throw_away)
    builders = [threading.Thread(target=build_again, args=(each, number)) for number, each in enumerate(yards)]
    for thread in (cleaner, *builders):
        thread.start()
    for thread in builders:
        thread.join()
    stop.set()
    cleaner.join()
    assert codes == [0] * 9
    for name, descriptor in yard.store.tags().items():
        found = open_image(yard.store, descriptor)
        for layer in found.layers:
            layer.verify()
        if "/app" in name:
            assert found.tree().read("m").decode().strip() == name.partition("/app")[2][0]
            assert len(found.tree().read("o/sum")) == 49 * 25


def forged(yard: Yard, honest: Image) -> Layer:
    """A layer with a program of an attacker's that claims to be the lowest layer of an honest image."""
    with LayerWriter(yard.store) as writer:
        writer.add(Entry("bin", "dir", 0o755))
        writer.add(Entry("bin/sh", mode=0o755, size=9), b"#!/evil\n\n")
        made = writer.commit()
    return replace(made, diff_id=honest.layers[0].diff_id)


def test_an_image_that_lies_about_its_layers_does_not_reach_other_images(yard: Yard) -> None:
    """Unpacked layers are shared by their diff ID, which an image from a registry only claims."""
    honest = open_image(yard.store, yard.store.resolve("docker.io/library/busybox:latest"))
    evil = image(yard.store, forged(yard, honest), config={"Env": ["PATH=/bin"]})
    assert evil.config.diff_ids[0] == honest.layers[0].diff_id
    yard.store.tag("docker.io/library/evil:latest", evil.descriptor)
    with pytest.raises(LayerMismatchError):
        yard.build("FROM evil\nRUN true\n", tag="evil:2")
    assert "docker.io/library/evil:2" not in yard.store.tags()
    assert yard.build("FROM busybox\nRUN echo good > /good\n").image.tree().read("good") == b"good\n"


def test_a_build_cache_that_lies_is_not_believed(yard: Yard, tmp_path: Path) -> None:
    """Unpacked layers are shared by their diff ID, so a step's layer is looked at before anything of it is used."""
    honest = open_image(yard.store, yard.store.resolve("docker.io/library/busybox:latest"))
    lie = forged(yard, honest)
    text = "FROM busybox AS one\nRUN echo 1 > /made\nFROM busybox\nCOPY --from=one /made /m\nRUN cat /m > /n\n"
    built = yard.build(text, portable=True)
    last = built.image.layers[-1]
    sent = exported(yard.store, built.cache, image=[], mode="max", mounts={})
    contents = json.loads(read(yard.store, Manifest(read(yard.store, sent), sent.media_type).config))

    def artifact(steps: list[dict[str, Any]]) -> Descriptor:
        config = yard.store.add(CACHE_TYPE, json.dumps({"steps": steps}).encode())
        layers = [each.descriptor.to_json() for each in (lie, *built.image.layers)]
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": layers}
        return yard.store.add(OCI_MANIFEST, encode(document))

    claim = {"diff_id": str(lie.diff_id), "digest": str(lie.descriptor.digest), "size": lie.descriptor.size}
    lying = [
        {**each, **claim} if each.get("digest") == str(last.descriptor.digest) else each for each in contents["steps"]
    ]
    assert lying != contents["steps"]
    other = Yard(tmp_path / "other")
    other.store.tag("docker.io/library/busybox:latest", honest.descriptor)
    copy(yard.store, other.store, honest.descriptor)
    cache = step_cache(other.data, other.store, Options())
    bring = fetching(other.store, yard.store, SILENT)
    imported(yard.store, cache, artifact(lying), bring)
    again = other.build(text, cache=cache)
    assert [step.text for step in again.steps if not step.cached] == ["RUN cat /m > /n"]
    assert again.image.tree().read("n") == b"1\n"
    assert other.build("FROM busybox\nRUN echo good > /good\n").image.tree().read("good") == b"good\n"
    for wrong in ({"created": "yesterday\n"}, {"content": "../x"}, {"key": "../" + "a" * 61}):
        with pytest.raises(Exception, match=r"malformed|key"):
            imported(yard.store, cache, artifact([{**contents["steps"][0], "digest": "", **wrong}]), bring)


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("way", "symlink", 0o777, target="/"), Entry("way/outside", size=0)],
        [Entry("dev", "char", 0o666, major=0, minor=0)],
        [Entry("a", "hardlink", target="way/b")],
    ],
)
def test_a_base_whose_layers_mislead_is_refused_before_it_runs(yard: Yard, entries: list[Entry]) -> None:
    with LayerWriter(yard.store) as writer:
        for entry in entries:
            writer.add(entry)
        layer = writer.commit()
    yard.store.tag("docker.io/library/evil:latest", image(yard.store, layer).descriptor)
    with pytest.raises(ArchiveInvalidError):
        yard.build("FROM evil\nRUN true\n", tag="evil:2")
    assert not Path("/outside").exists()
    assert not (yard.data / "layers" / layer.diff_id.hex[:24]).exists()
    assert not [path for path in (yard.data / "layers").iterdir() if path.is_dir()]


def test_a_file_of_four_gigabytes_passes_through_in_little_memory(yard: Yard) -> None:
    size = (4 << 30) + 12_345
    with open(yard.context / "large", "wb") as stream:
        stream.truncate(size)
        stream.seek(size - 3)
        stream.write(b"end")
    (yard.context / "Dockerfile").write_text("FROM scratch\nCOPY large /d/\n")
    words = [sys.executable, "-m", "dockyard.cli.main", "build", str(yard.context), "-t", "large:1", "--quiet"]
    # Between: a new process counts the memory of the one it was forked from, and this one here may be large.
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words],
        env={**os.environ, "DOCKYARD_HOME": str(yard.data)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) < 300 << 10
    built = open_image(yard.store, yard.store.resolve("docker.io/library/large:1"))
    assert [entry.size for entry, _ in built.layers[0].entries() if entry.kind == "file"] == [size]
    assert built.layers[0].descriptor.size < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20


def test_what_a_command_makes_is_taken_whatever_it_is_called(yard: Yard) -> None:
    text = (
        "FROM busybox\n"
        "RUN i=0; while [ $i -lt 1100 ]; do mkdir d && cd d; i=$((i+1)); done; echo deep > f\n"
        "RUN printf x > \"$(printf 'caf\\351\\377')\"; mknod /null c 1 3; mkfifo /pipe; ln -s nowhere /dangling\n"
        "RUN truncate -s 1G /holes && printf end >> /holes\n"
        'RUN test "$(cat "$(printf \'caf\\351\\377\')")" = x && test -c /null; test $(stat -c %s /holes) = 1073741827\n'
    )
    built = yard.build(text)
    tree = built.image.tree()
    assert tree.read(os.fsdecode(b"caf\xe9\xff")) == b"x"
    node = tree.get("null")
    assert node is not None
    assert (node.entry.kind, node.entry.major, node.entry.minor) == ("char", 1, 3)
    assert sum(layer.descriptor.size for layer in built.image.layers[1:]) < 16 << 20
    assert all(step.cached for step in yard.build(text).steps)
    # Deeper than what cleans up after tests can reach.
    subprocess.run(["rm", "-rf", str(yard.data / "layers"), str(yard.data / "work")], check=True)


def test_steps_that_change_nothing_may_follow_each_other(yard: Yard) -> None:
    """Their layers are one and the same, and overlayfs takes no folder twice."""
    yard.write({"a": "1"})
    steps = "".join(f"RUN true {number}\n" for number in range(6))
    again = "RUN echo 1 > /a\nRUN rm /a\n"
    text = f"FROM busybox\n{steps}{again}{again}RUN test ! -e /a && echo 2 > /b\n"
    tree = yard.build(text).image.tree()
    assert tree.get("a") is None
    assert tree.read("b") == b"2\n"
