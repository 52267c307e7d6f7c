"""The same digests wherever a build runs: as other users, under other names, masks, clocks' zones and file systems."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.images import image

Make = Callable[[Layout, str], Layer]
EPOCH = "1700000000"
COPIED = """\
FROM base
COPY tree /app
COPY --chown=7:8 --chmod=u=rwX,go=rX tree/sub /other
ADD x.tar /unpacked
COPY <<END /doc
text
END
WORKDIR /made/here
ENV A=b
"""
RUN = "RUN echo $SOURCE_DATE_EPOCH > /a && umask && mkdir -p /b/c && touch /b/c/d && ln /a /b/hard && rm /doc\n"


@dataclass
class Machine:
    """A place with a context of its own, and a way to run there.

    Attributes:
        path: holds context, home and data.
        words: come before the command.
        umask: of the process.
        env: further variables.
    """

    path: Path
    words: tuple[str, ...]
    umask: int
    env: dict[str, str]

    def build(self, *words: str) -> str:
        command = [*self.words, sys.executable, "-m", "dockyard.cli.main", "build", str(self.path / "context")]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **self.env}
        environment |= {"HOME": str(self.path / "home"), "DOCKYARD_HOME": str(self.path / "data")}
        done = subprocess.run(
            [*command, "-t", "web:1", "--json", *words],
            env=environment,
            umask=self.umask,
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["digest"])


@pytest.fixture
def places(root: None, program: Callable[[str], str]) -> Iterator[tuple[Path, Path]]:
    """A folder on disk and one in memory, both open to every user."""
    folders = []
    for where in (None, "/dev/shm"):
        if where and not Path(where).is_dir():
            pytest.skip("there is no file system in memory")
        folder = Path(tempfile.mkdtemp(prefix="machine-", dir=where))
        folder.chmod(0o755)
        folders.append(folder)
    yield folders[0], folders[1]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def furnished(path: Path, dockerfile: str, rootfs_layer: Make, *, backwards: bool, owner: int) -> None:
    """The same context and base in `path`, its files made in another order and by another owner."""
    context = path / "context"
    files = {f"tree/f{n}": f"content {n}" * n for n in range(60)} | {"tree/sub/x": "x", "tree/sub/deep/y": "y"}
    names = sorted(files, reverse=backwards)
    for name in names:
        place = context / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(files[name])
        place.chmod(0o640)
    os.link(context / "tree" / "f1", context / "tree" / "hard")
    (context / "tree" / "soft").symlink_to("f2")
    tar = ["tar", "-C", str(context / "tree"), "--sort=name", "--mtime=@5", "--owner=3", "--group=4"]
    subprocess.run([*tar, "-cf", str(context / "x.tar"), "sub"], check=True)
    (context / "Dockerfile").write_text(dockerfile)
    for each in [*context.rglob("*"), context]:
        if each.is_dir():
            each.chmod(0o755)
        os.utime(each, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    (path / "home").mkdir()
    store = Layout(path / "data" / "store", create=True)
    base = image(store, rootfs_layer(store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
    store.tag("docker.io/library/base:latest", base.descriptor)
    if owner:
        for each in [path, *path.rglob("*")]:
            os.chown(each, owner, owner, follow_symlinks=False)


def test_root_on_disk_and_nobody_in_memory_copy_to_the_same_digest(
    places: tuple[Path, Path], program: Callable[[str], str], rootfs_layer: Make
) -> None:
    setpriv = program("setpriv")
    other = (setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
    probe = subprocess.run([*other, sys.executable, "-c", "import dockyard"], capture_output=True, cwd="/")
    if probe.returncode != 0:
        pytest.skip("another user cannot read this checkout")
    furnished(places[0], COPIED, rootfs_layer, backwards=False, owner=0)
    furnished(places[1], COPIED, rootfs_layer, backwards=True, owner=65534)
    one = Machine(places[0], (), 0o022, {"TZ": "Asia/Tokyo", "LC_ALL": "C"})
    two = Machine(places[1], other, 0o077, {"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"})
    assert one.build() == two.build()
    assert one.build("--compression", "zstd") == two.build("--compression", "zstd")


def test_commands_give_the_same_digest_under_another_name_and_mask(
    places: tuple[Path, Path], program: Callable[[str], str], rootfs_layer: Make
) -> None:
    program("runc")
    unshare = program("unshare")
    for number, path in enumerate(places):
        furnished(path, COPIED + RUN, rootfs_layer, backwards=bool(number), owner=0)
    named = (unshare, "--uts", "sh", "-c", 'hostname another.example && exec "$@"', "sh")
    one = Machine(places[0], (), 0o022, {"TZ": "Asia/Tokyo"})
    two = Machine(places[1], named, 0o077, {"TZ": "America/New_York", "PYTHONHASHSEED": "7", "USER": "somebody"})
    assert one.build() == two.build()
