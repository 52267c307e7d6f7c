"""SBOM and provenance beside an image, in the form that BuildKit's users know."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dockyard.build.options import Slsa
from dockyard.build.result.statements import files, said
from dockyard.build.secrets.secret import Secret
from dockyard.content.store import read
from dockyard.images.image import open_image
from dockyard.images.rootfs import unpack
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest
from making.builds import Yard
from making.images import image, layer

ALL = {"app", "one", "two", "three"}
TEXT = "FROM base:1\nARG V=0\nCOPY app.dist-info /lib/app.dist-info\nLABEL v=$V\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"app.dist-info/METADATA": "Metadata-Version: 2.1\nName: app\nVersion: 1.2\n\n"})
    yard.store.tag("docker.io/library/base:1", image(yard.store, layer(yard.store, {"x": b""})).descriptor)
    return yard


def statements(yard: Yard, text: str = TEXT, **options: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The index, and what is said about the image by predicate type."""
    built = yard.build(text, **options)
    index = json.loads(read(yard.store, built.descriptor))
    entry = index["manifests"][-1]
    manifest = Manifest(read(yard.store, Descriptor.from_json(entry)))
    said = [json.loads(read(yard.store, each)) for each in manifest.layers]
    assert [each.annotations["in-toto.io/predicate-type"] for each in manifest.layers] == [
        each["predicateType"] for each in said
    ]
    assert {each["subject"][0]["name"] for each in said} == {"pkg:docker/test@1?platform=linux%2Famd64"}
    assert {each["subject"][0]["digest"]["sha256"] for each in said} == {built.image.descriptor.digest.hex}
    return index, {each["predicateType"]: each["predicate"] for each in said}


def test_statements_stand_beside_the_image_and_the_image_is_still_found(yard: Yard) -> None:
    index, said = statements(yard, sbom=True, provenance="min")
    first, second = index["manifests"]
    assert second["annotations"] == {
        "vnd.docker.reference.digest": first["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    assert second["platform"] == {"architecture": "unknown", "os": "unknown"}
    packages = said["https://spdx.dev/Document"]["packages"]
    assert ("app", "1.2") in {(each["name"], each.get("versionInfo")) for each in packages}
    found = open_image(yard.store, yard.store.resolve("docker.io/library/test:1"))
    assert str(found.descriptor.digest) == first["digest"]


def test_provenance_names_every_material_and_no_secret(yard: Yard) -> None:
    proxy = {"HTTPS_PROXY": "http://me:never to be seen@proxy", "no_proxy": "never to be seen"}
    options: dict[str, Any] = {
        "build_args": {"V": "7", **proxy},
        "secrets": {"token": Secret("token", b"never to be seen")},
    }
    mounts = "--mount=type=secret,id=token --mount=type=ssh,id=mine"
    text = f"FROM base:1 AS unused\nARG V=0\nRUN {mounts} x\n{TEXT}"
    _, said = statements(yard, text, provenance="max", **options)
    definition = said["https://slsa.dev/provenance/v1"]["buildDefinition"]
    base = yard.store.resolve("docker.io/library/base:1")
    assert definition["resolvedDependencies"] == [
        {"uri": "pkg:docker/base@1?platform=linux%2Famd64", "digest": {"sha256": base.digest.hex}}
    ]
    request = definition["externalParameters"]["request"]
    assert request["args"] == {"build-arg:V": "7"}
    assert "secrets" not in request  # nothing that was built asks for one
    assert "never to be seen" not in json.dumps(said)
    _, least = statements(yard, provenance="min", **options)
    assert "args" not in least["https://slsa.dev/provenance/v1"]["buildDefinition"]["externalParameters"]["request"]


def test_with_an_epoch_the_same_build_says_the_same(yard: Yard) -> None:
    digests = {yard.build(TEXT, sbom=True, provenance="max", epoch=1_700_000_000).descriptor.digest for _ in range(2)}
    assert len(digests) == 1


def test_max_provenance_tells_steps_labels_and_the_dockerfile(yard: Yard) -> None:
    _, said = statements(yard, provenance="max", labels={"a": "b"}, build_args={"V": "7"})
    provenance = said["https://slsa.dev/provenance/v1"]
    definition, details = provenance["buildDefinition"], provenance["runDetails"]["metadata"]
    assert definition["externalParameters"]["request"]["args"] == {"build-arg:V": "7", "label:a": "b"}
    steps = definition["internalParameters"]["buildConfig"]["steps"]
    assert [(each["line"], each["text"]) for each in steps][-1] == (4, "LABEL v=$V")
    (source,) = details["buildkit_metadata"]["source"]["infos"]
    assert base64.b64decode(source["data"]).decode() == TEXT
    _, least = statements(yard, provenance="min")
    assert "buildConfig" not in least["https://slsa.dev/provenance/v1"]["buildDefinition"]["internalParameters"]


def test_statements_beside_a_tree_are_about_its_files(yard: Yard, tmp_path: Path) -> None:
    built = yard.build(TEXT, sbom=True, provenance="min")
    further = files(yard.store, built.descriptor, built.image)
    unpack(built.image, tmp_path / "out", further=further)
    for name, kind in (("provenance.json", "slsa.dev/provenance"), ("sbom.spdx.json", "spdx.dev")):
        document = json.loads((tmp_path / "out" / name).read_text())
        assert kind in document["predicateType"]
        digest = hashlib.sha256((yard.context / "app.dist-info" / "METADATA").read_bytes()).hexdigest()
        assert {"name": "lib/app.dist-info/METADATA", "digest": {"sha256": digest}} in document["subject"]


def test_the_older_form_of_provenance_says_the_same(yard: Yard) -> None:
    options: dict[str, Any] = {"provenance": "max", "build_args": {"V": "7"}, "epoch": 1_700_000_000}
    form = Slsa("v0.2", "https://example.org/me", reproducible=True)
    new = statements(yard, **options)[1]["https://slsa.dev/provenance/v1"]
    old = statements(yard, slsa=form, **options)[1]["https://slsa.dev/provenance/v0.2"]
    definition = new["buildDefinition"]
    assert old["builder"] == {"id": "https://example.org/me"}
    assert old["materials"] == definition["resolvedDependencies"]
    assert old["invocation"]["parameters"] == definition["externalParameters"]["request"]
    assert old["invocation"]["configSource"]["entryPoint"] == "Dockerfile"
    assert old["buildConfig"] == definition["internalParameters"]["buildConfig"]
    assert old["metadata"]["completeness"] == {"parameters": True, "environment": True, "materials": False}
    assert old["metadata"]["reproducible"] is True
    assert old["metadata"]["buildStartedOn"] == new["runDetails"]["metadata"]["startedOn"]
    told = statements(yard, slsa=Slsa(reproducible=True), **options)[1]["https://slsa.dev/provenance/v1"]
    assert told["runDetails"]["metadata"]["buildkit_reproducible"] is True


SCANNED = """\
ARG BUILDKIT_SBOM_SCAN_STAGE={all}
FROM scratch AS one
COPY one.dist-info /lib/one.dist-info
FROM scratch AS two
ARG BUILDKIT_SBOM_SCAN_STAGE={two}
COPY two.dist-info /lib/two.dist-info
FROM scratch AS unbuilt
COPY two.dist-info /
FROM scratch
ARG BUILDKIT_SBOM_SCAN_CONTEXT={context}
COPY --from=one / /
COPY --from=two /lib/two.dist-info/METADATA /x
"""


@pytest.mark.parametrize(
    ("words", "given", "parts"),
    [
        ({"all": "false", "two": "false", "context": "false"}, {}, {"": {"one"}}),
        (
            {"all": "true", "two": "true", "context": "1"},
            {},
            {"": {"one"}, "one": {"one"}, "two": {"two"}, "context": ALL},
        ),
        ({"all": "false", "two": "two,other", "context": "0"}, {}, {"": {"one"}, "two": {"two"}}),
        ({"all": "Two,unbuilt", "two": "false", "context": ""}, {}, {"": {"one"}}),
        ({"all": "", "two": "", "context": ""}, {"BUILDKIT_SBOM_SCAN_STAGE": "one"}, {"": {"one"}, "one": {"one"}}),
    ],
)
def test_stages_and_context_are_looked_into_where_the_dockerfile_says_so(
    yard: Yard, tmp_path: Path, words: dict[str, str], given: dict[str, str], parts: dict[str, set[str]]
) -> None:
    for name in ("one", "two", "three"):
        yard.write({f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n\n"})
    built = yard.build(SCANNED.format(**words), sbom=True, build_args=given)
    found = said(yard.store, built.descriptor, built.image)
    held = {each.part: {package["name"] for package in each.predicate["packages"][1:]} for each in found}
    assert held == parts
    assert len({each.predicate["documentNamespace"] for each in found}) == len(found)
    names = {f"sbom{f'-{part}' if part else ''}.spdx.json" for part in parts}
    assert set(files(yard.store, built.descriptor, built.image)) == names
