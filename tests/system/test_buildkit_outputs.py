"""What `--output` writes beside what a real BuildKit writes for the same words: the same layout, named the same."""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from making.buildkit import running

PEERS = ROOT / "bench" / "peers" / "bin"
TEXT = "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /all/$TARGETARCH\n"
TWO = "linux/amd64,linux/arm64"
# What differs by its nature: digests, and sizes of what is compressed or told otherwise.
_OWN = ("digest", "size", "data")


class Builders:
    """A daemon, its client, and our command over one context."""

    def __init__(self, path: Path, socket: Path) -> None:
        self.path, self._socket = path, socket
        self.context = path / "context"
        self.context.mkdir()
        (self.context / "Dockerfile").write_text(TEXT)

    def theirs(self, output: str, platform: str, provenance: str, *more: str) -> "subprocess.CompletedProcess[str]":
        words = [str(PEERS / "buildctl"), "--addr", f"unix://{self._socket}", "build", "--progress=plain", "--no-cache"]
        words += ["--frontend=dockerfile.v0", *(f"--local={n}={self.context}" for n in ("context", "dockerfile"))]
        words += [f"--opt=platform={platform}"] * bool(platform) + ["--output", output]
        form = provenance if "=" in provenance else f"mode={provenance}"
        words += [f"--opt=attest:provenance={form}"] * bool(provenance) + [f"--opt={each}" for each in more]
        return subprocess.run(words, capture_output=True, text=True, timeout=100)

    def ours(self, output: str, platform: str, provenance: str, *more: str) -> "subprocess.CompletedProcess[str]":
        words = [str(Path(sys.executable).parent / "dockyard"), "build", str(self.context), "--output", output]
        words += ["--platform", platform] * bool(platform) + ["--provenance", provenance] * bool(provenance)
        words += more
        environment = {**os.environ, "DOCKYARD_HOME": str(self.path / "home")}
        return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=100)


@pytest.fixture(scope="module")
def builders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builders]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not (PEERS / "buildkitd").exists():
        pytest.skip("buildkitd is not built: make peers")
    path = tmp_path_factory.mktemp("outputs")
    with running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), path / "buildkitd", path):
        yield Builders(path, path / "buildkitd" / "buildkitd.sock")


OUTPUTS = [
    ("type=oci,name=a/b:c", "", ""),
    ('type=docker,"name=a/b:c,d"', "", ""),
    ("type=docker", "", "min"),
    ("type=docker", TWO, ""),
    ("type=oci,oci-mediatypes=false", "", ""),
    ("type=oci,oci-mediatypes=false", TWO, ""),
    ("type=oci,oci-mediatypes=false,annotation.a=b", "", ""),
    ("type=oci,oci-mediatypes=false", "", "min"),
    ("type=oci,oci-mediatypes=perhaps", "", ""),
    ("type=oci,compression=uncompressed,force-compression=false", "", ""),
    ("type=oci,compression=zstd,oci-mediatypes=false", "", ""),
    ("type=oci,compression=zstd,force-compression=true", "", ""),
    ("type=oci,compression=lzma", "", ""),
    ("type=oci,annotation.a=b,annotation-manifest.c=d,annotation-manifest-descriptor.e=f", "", ""),
    # Of an image without an index BuildKit leaves annotations for its platform out; we do not.
    ("type=oci,annotation-manifest[linux/amd64].a=b,annotation-manifest[linux/arm64].c=d", "", "min"),
    ("type=oci,annotation-index.a=b", "", ""),
    ("type=oci,annotation-index-descriptor.a=b", "", ""),
    ("type=oci,annotation-layer.a=b", "", ""),
    ("type=oci,annotation-manifest[a/b/c/d].a=b", "", ""),
    ("type=oci,annotation-index.a=b,annotation-index-descriptor.c=d,annotation-manifest-descriptor.e=f", "", "min"),
    ("type=oci,annotation-index[linux/arm64].a=b,annotation-manifest-descriptor[linux/arm64].c=d", TWO, ""),
    ("type=oci,annotation-manifest[linux/arm64/v8].a=b,annotation.a=c", TWO, "max"),
]


def shape(archive: Path) -> dict[str, Any]:
    """What an archive of a layout names and how, without digests and sizes."""
    with tarfile.open(archive) as opened:
        read = {m.name: opened.extractfile(m).read() for m in opened if m.isfile()}  # type: ignore[union-attr]

    def listed(each: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in each.items() if name not in _OWN}
        told = {n: v for n, v in (each.get("annotations") or {}).items() if "created" not in n and "digest" not in n}
        if each["mediaType"].endswith(("+json", "v1+json")) and "config" not in each["mediaType"]:
            document = json.loads(read[f"blobs/{each['digest'].replace(':', '/')}"])
            if "manifests" in document or "layers" in document:
                below = {
                    name: document[name] for name in ("mediaType", "artifactType", "annotations") if name in document
                }
                below |= {n: [listed(e) for e in document[n]] for n in ("manifests", "layers") if n in document}
                below |= {n: listed(document[n]) for n in ("config", "subject") if n == "config" and n in document}
                kept["document"] = below
        return {**kept, "annotations": told}

    index = json.loads(read["index.json"])
    found: dict[str, Any] = {"index": {**index, "manifests": [listed(each) for each in index["manifests"]]}}
    found["files"] = sorted(name for name in read if not name.startswith("blobs/"))
    if "manifest.json" in read:
        (item,) = json.loads(read["manifest.json"])
        assert {item["Config"], *item["Layers"]} < read.keys()
        found["tags"] = item["RepoTags"]
    return found


@pytest.mark.parametrize(("output", "platform", "provenance"), OUTPUTS)
def test_a_layout_is_named_and_annotated_as_buildkit_s(
    builders: Builders, tmp_path: Path, output: str, platform: str, provenance: str
) -> None:
    theirs = builders.theirs(f"{output},dest={tmp_path / 'theirs'}", platform, provenance)
    ours = builders.ours(f"{output},dest={tmp_path / 'ours'}", platform, provenance)
    assert bool(theirs.returncode) == bool(ours.returncode), f"{theirs.stderr}\n{ours.stderr}"
    if ours.returncode:
        assert (ours.returncode, (tmp_path / "ours").exists()) == (2, False)
        return
    assert shape(tmp_path / "ours") == shape(tmp_path / "theirs")


def test_a_layout_in_a_folder_is_named_as_buildkit_s(builders: Builders, tmp_path: Path) -> None:
    found = []
    for build, name in ((builders.theirs, "theirs"), (builders.ours, "ours")):
        for names in ("org/repo:1,org/repo:2", "other/repo:1", "org/repo:2"):
            done = build(f'type=oci,tar=false,"name={names}",dest={tmp_path / name}', "", "")
            assert done.returncode == 0, done.stderr
        listed = json.loads((tmp_path / name / "index.json").read_bytes())["manifests"]
        found.append(
            sorted(sorted((k, v) for k, v in each["annotations"].items() if "created" not in k) for each in listed)
        )
    assert found[0] == found[1]


SOURCE = "FROM scratch AS a\nARG X=1\nCOPY Dockerfile /a\nFROM a\nLABEL a=b\nCOPY --from=a /a /b\n"
FORMS = [
    "mode=min",
    "mode=max",
    "mode=max,version=v0.2",
    "mode=min,version=v0.2,builder-id=me,reproducible=true",
    "mode=min,reproducible=true,builder-id=me",
    "mode=max,filename=p.json",
    "mode=max,inline-only=true",
    "version=v2",
    "mode=most",
]
# BuildKit's own graph of the build, for which we have the Dockerfile's steps, and what it says of its own versions.
_GRAPH = {"llbDefinition", "digestMapping", "locations", "layers", "steps", "root", "compatibilityVersion"}
_GRAPH |= {"dockerfileVersion", "targetPlatform", "version"}


def shaped(document: Any) -> Any:
    """The names in a document, with values where these are words both write; times and numbers of runs are not."""
    if isinstance(document, dict):
        kept = {name: shaped(value) for name, value in document.items() if name not in _GRAPH}
        return {name: value for name, value in kept.items() if value not in ({}, [])}
    if isinstance(document, list):
        return [shaped(each) for each in document]
    return document if isinstance(document, bool) else "text"


@pytest.mark.parametrize("form", FORMS)
def test_provenance_has_the_fields_of_buildkit_s(builders: Builders, tmp_path: Path, form: str) -> None:
    (builders.context / "Dockerfile").write_text(SOURCE)
    try:
        theirs = builders.theirs(f"type=local,dest={tmp_path / 'theirs'}", "", form, "build-arg:X=2", "label:l=v")
        ours = builders.ours(
            f"type=local,dest={tmp_path / 'ours'}", "", form, "--build-arg=X=2", "--label=l=v", "--no-cache"
        )
    finally:
        (builders.context / "Dockerfile").write_text(TEXT)
    assert bool(theirs.returncode) == bool(ours.returncode), f"{theirs.stderr}\n{ours.stderr}"
    if ours.returncode:
        assert ours.returncode == 2
        return
    names = [{path.name for path in (tmp_path / each).iterdir()} for each in ("theirs", "ours")]
    assert names[0] == names[1]
    for name in names[0] - {"a", "b"}:
        told, own = (json.loads((tmp_path / each / name).read_bytes()) for each in ("theirs", "ours"))
        assert (told["predicateType"], told["_type"]) == (own["predicateType"], own["_type"])
        assert told["subject"] == own["subject"]
        them, us = shaped(told["predicate"]), shaped(own["predicate"])
        # We tell the Dockerfile's name and digest, too, where it is no Git repository that names them.
        place = us["buildDefinition"]["externalParameters"] if "buildDefinition" in us else us["invocation"]
        del place["configSource"]
        assert us == them


FILES = [
    ("", "", ""),
    ("", "", "min"),
    ("attestation-prefix=pre-,platform-split=true", "", "min"),
    ("platform-split=false", "", "min"),
    ("", TWO, "min"),
    ("platform-split=false", TWO, "min"),
]


def files(place: Path) -> dict[str, tuple[int, bool]]:
    """The mode of every file of a folder or archive by its path, and whether it is a folder."""
    if place.is_dir():
        return {
            str(path.relative_to(place)): (path.lstat().st_mode & 0o7777, path.is_dir()) for path in place.rglob("*")
        }
    with tarfile.open(place) as archive:
        return {each.name: (each.mode, each.isdir()) for each in archive}


@pytest.mark.parametrize("kind", ["local", "tar"])
@pytest.mark.parametrize(("more", "platform", "provenance"), FILES)
def test_files_and_attestations_lie_where_buildkit_s_do(
    builders: Builders, tmp_path: Path, kind: str, more: str, platform: str, provenance: str
) -> None:
    output = f"type={kind},{more}," if more else f"type={kind},"
    for build, name in ((builders.theirs, "theirs"), (builders.ours, "ours")):
        done = build(f"{output}dest={tmp_path / name}", platform, provenance)
        assert done.returncode == 0, done.stderr
    assert files(tmp_path / "ours") == files(tmp_path / "theirs")


@pytest.mark.parametrize(("mode", "left"), [("copy", {"mine"}), ("delete", set()), ("mirror", None)])
def test_what_was_in_a_folder_stays_or_goes_as_with_buildkit(
    builders: Builders, tmp_path: Path, mode: str, left: set[str] | None
) -> None:
    for build, name in ((builders.theirs, "theirs"), (builders.ours, "ours")):
        (tmp_path / name / "mine").mkdir(parents=True)
        done = build(f"type=local,dest={tmp_path / name},mode={mode}", "", "")
        assert (done.returncode == 0) == (left is not None), done.stderr
        found = {path.name for path in (tmp_path / name).iterdir()}
        assert found - {"all"} == ({"mine"} if left is None else left)


@pytest.mark.parametrize("more", ["", ",compression=zstd,oci-mediatypes=false", ",oci-mediatypes=false"])
def test_podman_and_skopeo_read_docker_s_archive(
    builders: Builders, tmp_path: Path, program: Callable[[str], str], more: str
) -> None:
    podman, skopeo = program("podman"), program("skopeo")
    done = builders.ours(f"type=docker,name=foo/bar:1,dest={tmp_path / 'x'}{more}", "", "")
    assert done.returncode == 0, done.stderr
    with tempfile.TemporaryDirectory() as short:  # podman takes 50 characters at most
        folders = ["--root", f"{short}/root", "--runroot", f"{short}/run", "--storage-driver", "vfs"]
        loaded = subprocess.run([podman, *folders, "load", "-i", str(tmp_path / "x")], capture_output=True, text=True)
        assert "foo/bar:1" in loaded.stdout, loaded.stderr
    # Among Docker's media types skopeo looks for no name in a layout, BuildKit's included.
    for form in ("docker-archive:{}:foo/bar:1", "oci-archive:{}:1")[: 1 if more else 2]:
        words = [skopeo, "inspect", "--config", form.format(tmp_path / "x")]
        seen = subprocess.run(words, capture_output=True, text=True)
        assert seen.returncode == 0, seen.stderr
        assert json.loads(seen.stdout)["architecture"] == "amd64"
