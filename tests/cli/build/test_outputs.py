"""Where `dockyard build` puts what it built: awkward places, and the words of each type."""

import json
import os
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dockyard.cli.build.output_words import Output, packing, parse
from dockyard.content.layout import Layout
from dockyard.errors import UsageError
from dockyard.images.image import open_image

from .conftest import Build

pytestmark = pytest.mark.slow
TEXT = """\
FROM scratch AS below
COPY tree /
FROM below
COPY --from=below /gone /kept
COPY new /d/new
COPY new /usr/x
"""


Good = Callable[..., None]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name in ("tree/gone", "tree/d/old", "new", "tree/f"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of the image")
    (folder / "tree" / "f").write_bytes(os.urandom(1 << 20))
    (folder / "Dockerfile").write_text(TEXT)
    return folder


@pytest.fixture
def good(build: Build) -> Good:
    """Builds the context where that must go well."""

    def do(context: Path, *words: str) -> None:
        done = build(context, ".", "-q", *words)
        assert done.returncode == 0, done.stderr

    return do


@pytest.mark.parametrize("kind", ["oci", "tar"])
def test_links_are_followed_and_pipes_are_written_to(context: Path, tmp_path: Path, kind: str, good: Good) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    good(context, "-o", f"type={kind},dest={tmp_path / 'link'}")
    assert (tmp_path / "link").is_symlink()
    assert tarfile.is_tarfile(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    with reader(tmp_path / "pipe") as got:
        good(context, "-o", f"type={kind},dest={tmp_path / 'pipe'}")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert b"".join(got) == (tmp_path / "real").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["context", "home", "link", "pipe", "real"]


@contextmanager
def reader(pipe: Path, most: int = 1 << 30) -> Iterator[list[bytes]]:
    """What comes out of a pipe, up to `most` bytes; then it is closed."""
    got: list[bytes] = []

    def read() -> None:
        with open(pipe, "rb") as stream:
            got.append(stream.read(most))

    thread = threading.Thread(target=read, daemon=True)  # where nobody writes, it waits for ever
    thread.start()
    yield got
    thread.join()


def test_a_device_stays_one(context: Path, tmp_path: Path, good: Good) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    files = ["--iidfile", str(tmp_path / "null"), "--metadata-file", str(tmp_path / "null")]
    good(context, "-o", f"type=oci,dest={tmp_path / 'null'}", *files)
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode)


def process(context: Path, *words: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    env = {"DOCKYARD_HOME": str(context.parent / "home"), "PATH": "/usr/bin:/bin"}
    command = [str(Path(sys.executable).parent / "dockyard"), "build", str(context), "-q", *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, timeout=60)


def test_a_reader_that_goes_away_early_is_told_of(context: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with reader(tmp_path / "pipe", 10):
        done = process(context, "-o", f"type=tar,dest={tmp_path / 'pipe'}")
    assert (done.returncode, "output-closed" in done.stderr) == (2, True)
    ours, theirs = os.pipe()

    def look() -> None:
        os.read(ours, 10)
        os.close(ours)

    thread = threading.Thread(target=look)
    thread.start()
    done = process(context, "-o", "-", stdout=theirs)
    thread.join()
    os.close(theirs)
    assert (done.returncode, "output-closed" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("kind", "place"),
    [("oci", "nowhere/x"), ("docker", "file/x"), ("tar", "folder"), ("local", "nowhere/x"), ("local", "folder")],
)
def test_places_that_take_no_output_are_named(
    context: Path, tmp_path: Path, kind: str, place: str, build: Build
) -> None:
    (tmp_path / "file").write_text("before")
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to("/proc/nothing")
    if kind == "local" and place == "folder":
        (tmp_path / "folder").rmdir()
        (tmp_path / "folder").write_text("a file")
    done = build(context, ".", "-q", "-o", f"type={kind},dest={tmp_path / place}")
    assert done.returncode == 2
    assert "output-refused" in done.stderr or "folder-taken" in done.stderr
    assert str(tmp_path / place) in done.stderr
    assert ".tmp" not in done.stderr
    assert (tmp_path / "file").read_text() == "before"
    assert not [path for path in tmp_path.rglob("*.tmp") if "home" not in path.parts]


def test_files_are_laid_over_a_folder_and_nothing_else_in_it_is_touched(
    context: Path, tmp_path: Path, good: Good
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    (out / "d").mkdir(parents=True)
    outside.mkdir()
    for name in ("mine", "d/mine", "d/old"):
        (out / name).write_text("mine")
    (out / "usr").symlink_to(outside)
    (out / "f").symlink_to(outside / "f")
    (tmp_path / "way").symlink_to(out)
    good(context, "-o", str(tmp_path / "way"))
    assert (out / "mine").read_text() == (out / "d" / "mine").read_text() == "mine"
    assert (out / "d" / "old").read_text() == "tree/d/old of the image"
    assert (out / "d" / "new").read_text() == "new of the image"
    assert (out / "kept").read_text() == "tree/gone of the image"
    assert not (out / "usr").is_symlink()
    assert not (out / "f").is_symlink()
    assert list(outside.iterdir()) == []
    assert {path.stat().st_uid for path in out.rglob("*") if not path.is_symlink()} == {os.geteuid()}


def test_what_a_layer_deletes_is_not_deleted_from_a_folder(context: Path, tmp_path: Path, good: Good) -> None:
    """`squash` has no whiteouts; by layers there would be one, for a folder that becomes a file."""
    text = "FROM scratch AS below\nCOPY tree /x/\nFROM below\nADD whole.tar /\n"
    (context / "Dockerfile").write_text(text)
    with tarfile.open(context / "whole.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("x/d"))
    (tmp_path / "out" / "x").mkdir(parents=True)
    (tmp_path / "out" / "x" / "mine").write_text("mine")
    good(context, "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "x" / "d").is_file()
    assert (tmp_path / "out" / "x" / "mine").read_text() == "mine"


@pytest.mark.parametrize("kind", ["oci", "docker", "tar", "local"])
def test_a_full_disk_leaves_nothing_half_written(context: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "small").mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root")
    mount = ["unshare", "--mount", "sh", "-c"]
    script = (
        f"mount -t tmpfs -o size=300k none {tmp_path}/small && echo before > {tmp_path}/small/x2 && "
        f'"$@"; code=$?; ls -A {tmp_path}/small; exit $code'
    )
    command = [str(Path(sys.executable).parent / "dockyard"), "build", str(context), "-q"]
    words = [*mount, script, "sh", *command, "-o", f"type={kind},dest={tmp_path / 'small' / 'x'}"]
    env = {**os.environ, "DOCKYARD_HOME": str(tmp_path / "home")}
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=60)
    if "permission denied" in done.stderr.lower():
        pytest.skip("nothing can be mounted here")
    assert (done.returncode, "disk-full" in done.stderr) == (3, True), done.stderr
    assert done.stdout == "x2\n"


def test_an_image_becomes_a_folder_with_its_annotations_and_compression(
    context: Path, tmp_path: Path, good: Good
) -> None:
    out = tmp_path / "layout"
    words = "tar=false,compression=zstd,compression-level=9,annotation.a=b,annotation-manifest.c=d,oci-mediatypes=true"
    good(context, "-t", "x:1", "-o", f"type=oci,dest={out},{words}")
    layout = Layout(out)
    found = open_image(layout, layout.resolve("docker.io/library/x:1"))
    assert {each.media_type for each in found.manifest.layers} == {"application/vnd.oci.image.layer.v1.tar+zstd"}
    assert json.loads(found.manifest.raw)["annotations"] == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    "text",
    [
        "type=oci,dest=x,force-compression=perhaps",
        "type=oci,dest=x,oci-mediatypes=perhaps",
        "type=oci,dest=x,annotation-layer.a=b",
        "type=oci,dest=x,oci-artifact=false",
        "type=oci,dest=x,annotation.=b",
        "type=docker,tar=false",
        "type=oci,tar=false",
        "type=local,dest=x,mode=mirror",
        "type=local,dest=x,attestation-prefix=../",
        "type=tar,dest=x,compression=zstd",
        "type=image,unknown=x",
        "type=image,push=perhaps",
        "type=registry,registry.insecure=true",
        "type=tar,dest=",
    ],
)
def test_words_that_cannot_be_kept_to_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse([text])
    assert refused.value.hint


def test_one_image_has_one_compression() -> None:
    push, oci = parse(["type=image,push=true"]), parse(["type=oci,dest=x,compression=zstd"])
    assert push == [Output("registry")]
    assert (packing("", "", []).level, packing("", "", push).level) == ("fast", "dense")
    assert packing("", "fast", push).level == "fast"
    assert packing("", "", oci).compression == packing("zstd", "", oci).compression == "zstd"
    assert [packing("", each, []).level for each in ("0", "3", "4", "22")] == ["fast", "fast", "dense", "dense"]
    assert packing("uncompressed", "", []).compression == "none"
    assert packing("", "", [], [{"compression": "zstd", "compression-level": "9"}]).level == "dense"
    docker = parse(["type=docker,dest=x,oci-mediatypes=false"])
    assert (packing("", "", docker).family, packing("", "", oci).family) == ("docker", "oci")
    mixed = docker + parse(["type=oci,dest=x,oci-mediatypes=true"])
    for words in (
        ("gzip", "", oci),
        ("", "", mixed),
        ("estargz", "", []),
        ("", "best", []),
        ("", "23", []),
        ("", "-1", []),
    ):
        with pytest.raises(UsageError):
            packing(*words)


def test_docker_s_archive_is_a_layout_with_docker_s_list(context: Path, tmp_path: Path, good: Good) -> None:
    good(context, "-o", f'type=docker,dest={tmp_path / "x"},"name=foo/bar:1,baz",annotation-manifest-descriptor.a=b')
    with tarfile.open(tmp_path / "x") as archive:
        read = {member.name: archive.extractfile(member) for member in archive}
        (item,) = json.load(read["manifest.json"])  # type: ignore[arg-type]
        index = json.load(read["index.json"])  # type: ignore[arg-type]
    assert item["RepoTags"] == ["foo/bar:1", "baz:latest"]
    assert {item["Config"], *item["Layers"]} < set(read)
    named = [each["annotations"] for each in index["manifests"]]
    assert [each["io.containerd.image.name"] for each in named] == [
        "docker.io/foo/bar:1",
        "docker.io/library/baz:latest",
    ]
    assert [each["org.opencontainers.image.ref.name"] for each in named] == ["1", "latest"]
    assert {each["a"] for each in named} == {"b"}
    good(context, "-o", f"type=docker,dest={tmp_path / 'y'}", "--provenance", "min")
    with tarfile.open(tmp_path / "y") as archive:
        assert "manifest.json" not in archive.getnames()


def test_names_of_an_output_are_those_of_the_store_s_image(context: Path, tmp_path: Path, good: Good) -> None:
    good(context, "-o", "type=image,name=foo/bar:1")
    good(context, "-o", "type=image,name=foo/gone:1,store=false")
    assert set(Layout(tmp_path / "home" / "store").tags()) == {"docker.io/foo/bar:1"}


def test_docker_s_output_without_a_file_is_the_store_and_cacheonly_is_nowhere(
    context: Path, tmp_path: Path, good: Good
) -> None:
    good(context, "-t", "kept:1", "-o", "type=docker")
    good(context, "-t", "gone:1", "-o", "type=cacheonly")
    assert set(Layout(tmp_path / "home" / "store").tags()) == {"docker.io/library/kept:1"}
    with pytest.raises(UsageError):
        parse(["type=cacheonly,dest=x"])


def test_attestations_stand_beside_files_with_a_mode_of_their_own(context: Path, tmp_path: Path, good: Good) -> None:
    words = ["--provenance", "min", "--sbom"]
    good(context, *words, "-o", str(tmp_path / "out"), "-o", f"type=tar,dest={tmp_path / 'x'},attestation-prefix=pre-")
    names = ["provenance.json", "sbom.spdx.json"]
    for name in names:
        assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) == 0o600
        with tarfile.open(tmp_path / "x") as archive:
            member = archive.getmember(f"pre-{name}")
            assert (member.mode, member.uid) == (0o600, 0)
            stream = archive.extractfile(member)
            assert stream is not None
            assert json.load(stream) == json.loads((tmp_path / "out" / name).read_bytes())


def test_platforms_share_a_folder_where_their_files_differ_in_name(
    context: Path, tmp_path: Path, good: Good, build: Build
) -> None:
    two = ["--platform", "linux/amd64,linux/arm64", "--provenance", "min"]
    shared = f"type=local,dest={tmp_path / 'out'},platform-split=false"
    done = build(context, ".", "-q", *two, "-o", shared)
    assert (done.returncode, "more than one platform" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
    (context / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nCOPY new /all/$TARGETARCH\n")
    good(context, *two, "-o", shared, "-o", f"type=tar,dest={tmp_path / 'x'},platform-split=false")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")}
    said = {"provenance.linux_amd64.json", "provenance.linux_arm64.json"}
    assert found == {"all", "all/amd64", "all/arm64", *said}
    with tarfile.open(tmp_path / "x") as archive:
        assert {"linux_amd64/all/amd64", "linux_arm64/provenance.linux_arm64.json"} < set(archive.getnames())


def test_nothing_else_stays_in_a_folder_where_that_is_asked_for(
    context: Path, tmp_path: Path, good: Good, build: Build
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    (out / "d" / "deep").mkdir(parents=True)
    (out / "d" / "deep" / "mine").write_text("mine")
    (out / "usr").mkdir()
    outside.mkdir()
    (outside / "safe").write_text("safe")
    (out / "away").symlink_to(outside)
    good(context, "-o", f"type=local,dest={out},mode=delete")
    assert {str(path.relative_to(out)) for path in out.rglob("*")} == {
        "d",
        "d/new",
        "d/old",
        "f",
        "kept",
        "usr",
        "usr/x",
    } | {"gone"}
    assert (outside / "safe").read_text() == "safe"
    assert build(context, ".", "-q", "-o", "type=local,dest=/,mode=delete").returncode == 2


def test_the_base_s_layers_get_the_compression_where_that_is_forced(context: Path, tmp_path: Path, good: Good) -> None:
    good(context, "-t", "below:1")
    (context / "Dockerfile").write_text("FROM below:1\nCOPY new /more\n")
    words = "tar=false,compression=zstd"
    good(context, "-t", "x:1", "-o", f"type=oci,dest={tmp_path / 'some'},{words}")
    good(context, "-t", "x:1", "-o", f"type=oci,dest={tmp_path / 'all'},{words},force-compression=true")
    some, every = (
        open_image(Layout(tmp_path / name), Layout(tmp_path / name).resolve("docker.io/library/x:1"))
        for name in ("some", "all")
    )
    assert some.config.diff_ids == every.config.diff_ids
    for image, kinds in ((some, {"gzip", "zstd"}), (every, {"zstd"})):
        assert {each.media_type.rpartition("+")[2] for each in image.manifest.layers} == kinds
        for layer in image.layers:
            layer.verify()
