"""SBOM and provenance beside an image, in the form that BuildKit's users know."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dockyard.build.secret import Secret
from dockyard.build.statements import files
from dockyard.content.store import read
from dockyard.images.image import open_image
from dockyard.images.rootfs import unpack
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest
from making.builds import Yard
from making.images import image, layer

TEXT = "FROM base:1\nARG V=0\nCOPY app.dist-info /lib/app.dist-info\nLABEL v=$V\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"app.dist-info/METADATA": "Metadata-Version: 2.1\nName: app\nVersion: 1.2\n\n"})
    yard.store.tag("docker.io/library/base:1", image(yard.store, layer(yard.store, {"x": b""})).descriptor)
    return yard


def statements(yard: Yard, **options: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The index, and what is said about the image by predicate type."""
    built = yard.build(TEXT, **options)
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
    options: dict[str, Any] = {"build_args": {"V": "7"}, "secrets": {"token": Secret("token", b"never to be seen")}}
    _, said = statements(yard, provenance="max", **options)
    definition = said["https://slsa.dev/provenance/v1"]["buildDefinition"]
    base = yard.store.resolve("docker.io/library/base:1")
    assert definition["resolvedDependencies"] == [{"uri": "pkg:docker/base@1", "digest": {"sha256": base.digest.hex}}]
    request = definition["externalParameters"]["request"]
    assert request["args"] == {"build-arg:V": "7"}
    assert request["secrets"] == [{"id": "token"}]
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
