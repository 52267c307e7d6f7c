"""Builds where neither overlayfs nor namespaces are allowed: a changed root on a copy, compared before and after."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.images.image import open_image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from making.builds import Yard, facts
from making.confined import confined, forget, memory
from making.ordinary import interpreter, packages

ALPINE = "alpine-minirootfs-3.16.9-x86_64.tar.gz"
EPOCH = 1_700_000_000
TEXT = f"""\
FROM scratch AS base
ADD {ALPINE} /
FROM base
RUN echo one > /one && chmod 640 /etc/shadow && rm -r /etc/apk && mkdir /etc/apk && touch /etc/apk/new
RUN adduser -D joe && touch /home/joe/x && chown joe /home/joe/x && rm /one && ln -s two /link && ln /etc/hostname /hard
COPY file /file
RUN rm -r /opt && echo file > /opt; mv /srv /moved; chmod 700 /media; touch -d @5 /file; rm /etc/motd; mkfifo /pipe
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=target=/context,rw \\
    touch /c/x /t/x /context/y && ls /context > /seen
RUN --mount=type=cache,target=/c --mount=from=base,target=/b test -e /c/x && test -e /b/etc/passwd && echo > /dev/null
USER joe
RUN test $(id -un) = joe && echo $HOME > /home/joe/home
"""


@pytest.fixture
def python(root: None, program: Callable[[str], str]) -> str:
    program("runc")
    found = interpreter()
    if found is None:
        pytest.skip("no Python of this version outside of root's home")
    return found


@pytest.fixture
def work() -> Iterator[Path]:
    folder = memory(f"dockyardtest{os.getpid()}")
    yield folder
    forget(folder)


@pytest.fixture
def yard(tmp_path: Path, shared_data: Path) -> Yard:
    archive = shared_data / "images" / ALPINE
    if not archive.exists():
        pytest.skip(f"{archive} is absent")
    yard = Yard(tmp_path / "yard")
    yard.write({ALPINE: archive.read_bytes(), "file": "content\n"})
    return yard


def inside(python: str, work: Path, yard: Yard, *words: str, uid: int = 0) -> tuple[int, str]:
    home = str(yard.path / "home")
    env = {"SOURCE_DATE_EPOCH": str(EPOCH), "DOCKYARD_HOME": home}
    return confined(python, work, yard.path, "-m", "dockyard.cli.main", *words, uid=uid, env=env)


def test_what_is_built_is_the_same(python: str, work: Path, yard: Yard) -> None:
    (yard.context / "Dockerfile").write_text(TEXT)
    code, said = inside(python, work, yard, "build", str(yard.context), "--json", "--tag", "x:1")
    assert code == 0, said
    document = json.loads(said[said.index("{\n") :])
    store = Layout(yard.path / "home" / "store")
    digest = Digest.parse(document["digest"])
    descriptor = next(each for each in store.tags().values() if each.digest == digest)
    assert isinstance(descriptor, Descriptor)
    ours = open_image(store, descriptor)
    theirs = yard.build(TEXT, epoch=EPOCH).image
    assert facts(ours.tree()) == facts(theirs.tree())
    assert ours.config.execution == theirs.config.execution
    assert [each["created_by"] for each in ours.config.history] == [
        each["created_by"] for each in theirs.config.history
    ]
    assert list((yard.path / "home" / "work").iterdir()) == []


def test_doctor_names_the_way_and_the_limits_are_told(python: str, work: Path, yard: Yard) -> None:
    code, said = inside(python, work, yard, "doctor", "--json")
    assert code == 0, said
    assert json.loads(said)["run"]["way"] == "root: a changed root on a copy of the root file system"
    begin = f"FROM scratch\nADD {ALPINE} /\n"
    refused = {
        "RUN --network=none true": "network-failed",
        "RUN --mount=type=secret,id=s cat /run/secrets/s": "mount-refused",
    }
    for line, reference in refused.items():
        (yard.context / "Dockerfile").write_text(f"{begin}{line}\n")
        words = ("build", str(yard.context), "--json", "--secret", "id=s,env=HOME")
        code, said = inside(python, work, yard, *words)
        assert code == 2
        assert reference in said
    (yard.context / "Dockerfile").write_text(f"{begin}RUN --mount=type=secret,id=s,env=S test $S = /tmp\n")
    code, said = inside(python, work, yard, "build", str(yard.context), "--secret", "id=s,env=HOME")
    assert code == 0, said
    bundle = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
    (yard.path / "ca.pem").write_text(bundle)
    line = "RUN grep -q YQ== $SSL_CERT_FILE && touch /made"
    (yard.context / "Dockerfile").write_text(f"{begin}{line}\n")
    trusting = ("--ca-bundle", str(yard.path / "ca.pem"), "--tag", "x:1")
    code, said = inside(python, work, yard, "build", str(yard.context), *trusting)
    assert code == 0, said
    store = Layout(yard.path / "home" / "store")
    layer = open_image(store, store.resolve("docker.io/library/x:1")).layers[-1]
    assert [entry.path for entry, _ in layer.entries()] == ["made"]


def test_nothing_outlives_the_step_and_nothing_runs_in_the_builders_own_root(
    python: str, work: Path, yard: Yard
) -> None:
    text = (
        f"FROM scratch\nADD {ALPINE} /\n"
        "RUN (sleep 1000 &) ; test ! -e /var/tmp/dockyard-outside && test ! -e /usr/bin/python3\n"
        "RUN test $(cat /etc/alpine-release) = 3.16.9 && chroot / true 2>&1 | grep 'not permitted'\n"
        "RUN exit 7\n"
    )
    (yard.context / "Dockerfile").write_text(text)
    script = (
        "import os, subprocess, sys\n"
        "open('/var/tmp/dockyard-outside', 'w').close()\n"
        f"done = subprocess.run([sys.executable, '-m', 'dockyard.cli.main', 'build', {str(yard.context)!r}])\n"
        "left = [open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()]\n"
        "print('LEFT', [each for each in left if each.startswith('sleep')])\n"
        "sys.exit(done.returncode)\n"
    )
    env = {"DOCKYARD_HOME": str(yard.path / "home")}
    code, said = confined(python, work, yard.path, "-c", script, env=env)
    assert code == 2, said
    assert "status 7" in said
    assert "LEFT []" in said


def test_an_ordinary_user_in_such_a_container_is_told_that_there_is_no_way(python: str, work: Path, yard: Yard) -> None:
    (yard.context / "Dockerfile").write_text(f"FROM scratch\nADD {ALPINE} /\nRUN true\n")
    for each in [yard.path, *yard.path.rglob("*")]:
        os.chown(each, 1234, 1234)
    for each in yard.path.parents:
        if not each.stat().st_mode & 1:
            each.chmod(each.stat().st_mode | 0o11)
    code, said = inside(python, work, yard, "build", str(yard.context), uid=1234)
    assert code == 2, said
    assert "no-way-to-run" in said


def test_root_with_a_store_on_overlayfs_works_on_a_copy(python: str, work: Path, yard: Yard) -> None:
    for name in ("upper", "work", "lower"):
        (work / name).mkdir()
    home = yard.path / "home"
    home.mkdir()
    (yard.context / "Dockerfile").write_text(TEXT)
    mount = f"mount -t overlay o -o lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work {home}"
    words = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", python, "-m", "dockyard.cli.main"]
    env = {**os.environ, "PYTHONPATH": packages(), "DOCKYARD_HOME": str(home), "SOURCE_DATE_EPOCH": str(EPOCH)}
    done = subprocess.run([*words, "doctor", "--json"], env=env, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["run"]["way"] == "root: runc on a copy of the root file system"
    build = ["build", str(yard.context), "--tag", "x:1", "--json"]
    done = subprocess.run([*words, *build], env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout
    store = Layout(work / "upper" / "store")
    ours = open_image(store, store.resolve("docker.io/library/x:1"))
    assert facts(ours.tree()) == facts(yard.build(TEXT, epoch=EPOCH).image.tree())
