"""Annotations in Docker's and BuildKit's words, and what of a result has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dockyard.build.annotations import Annotation, flagged, keyed, of
from dockyard.content.layout import Layout
from dockyard.content.store import read
from dockyard.errors import UsageError
from dockyard.images.image import open_image
from dockyard.oci.platform import Platform, PlatformInvalidError
from making.builds import Yard

ARM = Platform("linux", "arm64")
TEXT = "FROM scratch\nCOPY a /\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"a": "a"})
    return yard


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=b", [Annotation("a", "b")]),
        ("a=", [Annotation("a", "")]),
        ("org.x:y=b=c", [Annotation("org.x:y", "b=c")]),
        ("a=index:b", [Annotation("a", "index:b")]),
        ("index:a=b", [Annotation("a", "b", "index")]),
        ("manifest[linux/arm64]:a=b", [Annotation("a", "b", "manifest", ARM)]),
        ("manifest[linux/arm64/v8]:a=b", [Annotation("a", "b", "manifest", ARM)]),
        (
            "manifest-descriptor[arm64],index-descriptor:a=b",
            [Annotation("a", "b", "manifest-descriptor", ARM), Annotation("a", "b", "index-descriptor")],
        ),
    ],
)
def test_the_flag_names_places_and_platforms(text: str, said: list[Annotation]) -> None:
    assert flagged(text) == said


@pytest.mark.parametrize("text", ["a", "", "=b", "index:=b", "a b=c", "layer:a=b", "index,layer:a=b"])
def test_a_flag_that_is_not_well_formed_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        flagged(text)
    assert "manifest-descriptor" in refused.value.hint


def test_a_platform_that_is_none_is_refused() -> None:
    with pytest.raises(PlatformInvalidError):
        flagged("manifest[a/b/c/d]:a=b")


def test_keys_of_an_output_name_places_and_platforms() -> None:
    assert keyed("annotation.a.b", "c") == Annotation("a.b", "c")
    assert keyed("annotation-index.a", "c") == Annotation("a", "c", "index")
    assert keyed("annotation-manifest-descriptor[linux/arm64].a", "c") == Annotation(
        "a", "c", "manifest-descriptor", ARM
    )
    for key in ("annotation", "annotation.", "annotationa", "name"):
        assert keyed(key, "c") is None
    with pytest.raises(UsageError):
        keyed("annotation-layer.a", "c")


def test_what_is_said_of_one_platform_goes_before_what_is_said_of_all() -> None:
    said = [*flagged("manifest[arm64]:a=arm"), *flagged("a=all"), *flagged("z=z"), *flagged("index:a=index")]
    assert of(said, "manifest", ARM) == {"a": "arm", "z": "z"}
    assert of(said, "manifest", Platform("linux", "amd64")) == {"a": "all", "z": "z"}
    assert of(said, "index") == {"a": "index"}


def annotated(yard: Yard, **options: Any) -> dict[str, Any]:
    """The annotations of each place: of what a list names, of an index and its entries, of manifests."""
    built = yard.build(TEXT, annotations=ALL, **options)
    document = json.loads(read(yard.store, built.descriptor))
    found: dict[str, Any] = {"listed": {k: v for k, v in built.descriptor.annotations.items() if "created" not in k}}
    if "manifests" in document:
        found["index"] = document.get("annotations")
        found["entries"] = [each.get("annotations") for each in document["manifests"]]
    found["manifests"] = [each.manifest.annotations for each in built.images.values()]
    assert yard.store.resolve("docker.io/library/test:1") == built.descriptor
    return found


ALL = [
    each
    for text in (
        "index,manifest,manifest-descriptor,index-descriptor:a=b",
        "manifest[linux/arm64],manifest-descriptor[linux/arm64]:arm=1",
    )
    for each in flagged(text)
]


def test_every_place_of_an_index_has_its_own(yard: Yard) -> None:
    assert annotated(yard, platforms=[Platform("linux", "amd64"), ARM]) == {
        "listed": {"a": "b"},
        "index": {"a": "b"},
        "entries": [{"a": "b"}, {"a": "b", "arm": "1"}],
        "manifests": [{"a": "b"}, {"a": "b", "arm": "1"}],
    }


def test_attestations_make_an_index_that_can_be_annotated(yard: Yard) -> None:
    found = annotated(yard, provenance="min")
    assert found["index"] == {"a": "b"}
    assert found["entries"][0] == {"a": "b"}
    assert set(found["entries"][1]) == {"vnd.docker.reference.digest", "vnd.docker.reference.type"}


def test_an_image_alone_has_no_index_to_annotate_and_is_not_built(yard: Yard) -> None:
    for place in ("index", "index-descriptor"):
        with pytest.raises(UsageError, match="no index"):
            yard.build(TEXT, annotations=flagged(f"{place}:a=b"))
    assert yard.store.tags() == {}
    built = yard.build(TEXT, annotations=flagged("manifest,manifest-descriptor:a=b"))
    assert built.image.manifest.annotations == {"a": "b"}
    assert built.descriptor.annotations["a"] == "b"
    assert built.descriptor.platform == Platform.host()


def test_docker_s_media_types_are_those_of_everything_and_the_layers_stay(yard: Yard) -> None:
    oci, docker = yard.build(TEXT), yard.build(TEXT, family="docker", tag="test:2")
    document = json.loads(docker.image.manifest.raw)
    kinds = [document["mediaType"], document["config"]["mediaType"], *(e["mediaType"] for e in document["layers"])]
    assert kinds == [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]
    assert [e.descriptor.digest for e in oci.image.layers] == [e.descriptor.digest for e in docker.image.layers]
    below = yard.build("FROM test:2\nCOPY a /b\n", tag="test:3").image
    assert {e.media_type for e in below.manifest.layers} == {"application/vnd.oci.image.layer.v1.tar+gzip"}
    several = yard.build(TEXT, family="docker", platforms=[Platform("linux", "amd64"), ARM])
    assert several.descriptor.media_type == "application/vnd.docker.distribution.manifest.list.v2+json"
    assert open_image(Layout(yard.store.path), several.descriptor, ARM).config.platform == ARM
    with pytest.raises(UsageError, match="attestations"):
        yard.build(TEXT, family="docker", provenance="min")
