"""RUN under the real runc: forms, environment, users, failures, and kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.build.fault import RunFailedError
from dockyard.content.layout import Layout
from dockyard.content.store import DigestMismatchError
from dockyard.layers.fault import ArchiveInvalidError
from dockyard.layers.layer import Layer
from making.builds import Yard
from making.images import image

Make = Callable[[Layout, str], Layer]


@pytest.fixture
def yard(root: None, tmp_path: Path, rootfs_layer: Make) -> Yard:
    """A place to build in with alpine:3.16."""
    yard = Yard(tmp_path / "yard")
    alpine = rootfs_layer(yard.store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
    yard.store.tag("docker.io/library/alpine:3.16", image(yard.store, alpine).descriptor)
    return yard


FORMS = """\
FROM alpine:3.16
ARG COLOUR=red
ENV GREETING=hello
RUN echo $GREETING $COLOUR > /shell
RUN ["sh", "-c", "echo exec > /exec"]
RUN <<END
echo one > /doc
echo two >> /doc
END
RUN <<END
#!/bin/sh
echo script > /script
END
SHELL ["/bin/sh", "-e", "-c"]
RUN echo $- > /flags
WORKDIR /work
USER nobody
RUN id -un > /tmp/who; pwd >> /tmp/who
"""


def test_every_form_of_run(yard: Yard) -> None:
    tree = yard.build(FORMS, build_args={"COLOUR": "blue"}).image.tree()
    assert tree.read("shell") == b"hello blue\n"
    assert tree.read("exec") == b"exec\n"
    assert tree.read("doc") == b"one\ntwo\n"
    assert tree.read("script") == b"script\n"
    assert b"e" in tree.read("flags")
    assert tree.read("tmp/who") == b"nobody\n/work\n"
    assert tree.get("dev/pipes") is None


def test_a_build_argument_in_use_is_part_of_the_key(yard: Yard) -> None:
    text = "FROM alpine:3.16\nARG A=1\nRUN echo $A > /a\n"
    yard.build(text)
    assert yard.build(text).steps[-1].cached
    other = yard.build(text, build_args={"A": "2"})
    assert not other.steps[-1].cached
    assert other.image.tree().read("a") == b"2\n"


def test_what_run_deletes_is_gone(yard: Yard) -> None:
    built = yard.build("FROM alpine:3.16\nRUN rm -r /etc/apk /etc/motd\nRUN test ! -e /etc/apk\n")
    assert built.image.tree().get("etc/apk") is None
    assert built.image.tree().get("etc/motd") is None
    assert built.image.tree().get("etc/passwd") is not None


def test_a_stage_that_nothing_needs_is_not_run(yard: Yard) -> None:
    text = "FROM alpine:3.16 AS unused\nRUN false\nFROM alpine:3.16 AS used\nRUN true\nFROM used\nLABEL a=b\n"
    assert yard.build(text).image.config.execution["Labels"] == {"a": "b"}
    with pytest.raises(RunFailedError):
        yard.build(text, target="unused")


def test_a_failing_command_names_line_status_and_last_words(yard: Yard) -> None:
    with pytest.raises(RunFailedError) as failed:
        yard.build("FROM alpine:3.16\nRUN true\nRUN echo alas; exit 9\n")
    assert "status 9" in failed.value.message
    assert failed.value.context["line"] == "3"
    assert "alas" in failed.value.context["output"]
    assert list((yard.data / "work").iterdir()) == []
    assert "docker.io/library/test:1" not in dict(yard.store.tags())


def test_an_epoch_gives_the_same_digest_elsewhere(yard: Yard, tmp_path: Path, rootfs_layer: Make) -> None:
    text = "FROM alpine:3.16\nRUN echo $SOURCE_DATE_EPOCH > /a && mkdir /b && touch /b/c\nCOPY x /x\nWORKDIR /w\n"
    other = Yard(tmp_path / "other")
    alpine = rootfs_layer(other.store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
    other.store.tag("docker.io/library/alpine:3.16", image(other.store, alpine).descriptor)
    digests = set()
    for place in (yard, other):
        place.write({"x/1": "1", "x/2": "2"})
        digests.add(place.build(text, epoch=1_700_000_000).image.descriptor.digest)
        time.sleep(1.1)
    assert len(digests) == 1


SCRIPT = """
import sys
from pathlib import Path
from making.builds import Kept
from dockyard.build.sources.bases import Bases
from dockyard.build.build import build
from dockyard.build.options import Options
from dockyard.content.layout import Layout
from dockyard.oci.reference import Reference
class Loud(Kept):
    def log(self, line): print(line, flush=True)
data = Path(sys.argv[2])
store = Layout(data / "store")
options = Options(tags=[Reference.parse("killed:1")])
build(Path(sys.argv[1]), store=store, data=data, bases=Bases(store), progress=Loud(), options=options)
"""


def test_a_killed_build_leaves_nothing_behind_and_the_next_one_succeeds(yard: Yard) -> None:
    text = "FROM alpine:3.16\nRUN echo first > /first\nRUN echo started; sleep 60\n"
    (yard.context / "Dockerfile").write_text(text)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, "-c", SCRIPT, str(yard.context), str(yard.data)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, env=env)
    assert child.stdout is not None
    assert child.stdout.readline() == b"started\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert str(yard.path) not in Path("/proc/self/mountinfo").read_text()
    built = yard.build(text.replace("sleep 60", "echo second > /second"))
    assert [step.cached for step in built.steps] == [True, False]
    assert built.image.tree().read("second") == b"second\n"
    assert list((yard.data / "work").iterdir()) == []
    assert list((yard.data / "run").iterdir()) == []
    assert "docker.io/library/killed:1" not in dict(yard.store.tags())


def test_two_builds_at_once_share_their_steps(yard: Yard) -> None:
    text = "FROM alpine:3.16\nRUN echo working; sleep 1; echo $RANDOM > /made\n"
    (yard.context / "Dockerfile").write_text(text)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, "-c", SCRIPT, str(yard.context), str(yard.data)]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, env=env) for _ in range(2)]
    said = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(said) == [b"", b"working\n"]


def test_a_corrupt_layer_in_the_store_stops_the_build(yard: Yard) -> None:
    base = yard.store.resolve("docker.io/library/alpine:3.16")
    yard.build("FROM alpine:3.16\nCOPY Dockerfile /d\n")
    for path in (yard.store.path / "blobs" / "sha256").iterdir():
        if path.stat().st_size > 1_000_000:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    with pytest.raises((ArchiveInvalidError, DigestMismatchError)):
        yard.build("FROM alpine:3.16\nRUN true\n", tag="broken:1")
    assert yard.store.resolve("docker.io/library/alpine:3.16") == base
    assert "docker.io/library/broken:1" not in dict(yard.store.tags())


def test_a_step_that_changed_nothing_leaves_nothing_of_its_base_to_another_base_s(yard: Yard) -> None:
    """Both steps have the same, empty layer, which is unpacked once."""
    for name, mode in (("open", 0o755), ("shut", 0o700)):
        below = yard.build(f"FROM alpine:3.16\nRUN mkdir -m {mode:o} /d; echo {name} > /d/f\n", tag=f"{name}:1")
        assert below.image.tree().read("d/f") == f"{name}\n".encode()
    step = "RUN touch /d/x && rm /d/x && cp -p /d/f /tmp/f && cp -p /tmp/f /d/f && rm /tmp/f\n"
    layers = set()
    for name, mode in (("open", 0o755), ("shut", 0o700)):
        built = yard.build(f"FROM {name}:1\n{step}RUN stat -c %a /d > /said; cat /d/f >> /said\n")
        layers.add(built.image.layers[-2].diff_id)
        assert built.image.tree().read("said") == f"{mode:o}\n{name}\n".encode()
    assert len(layers) == 1


def test_a_command_may_set_the_time_of_a_folder_in_which_something_was_mounted(yard: Yard) -> None:
    text = "FROM alpine:3.16\nRUN --mount=type=tmpfs,target=/etc/mounted touch /etc/new && touch -d @1000000000 /etc\n"
    node = yard.build(text).image.tree().get("etc")
    assert node is not None
    assert node.entry.mtime == 1_000_000_000
