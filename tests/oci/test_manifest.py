"""Digests, descriptors, manifests, indexes, configurations, platforms."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.errors import Error
from dockyard.oci.config import ConfigInvalidError, ImageConfig
from dockyard.oci.descriptor import Descriptor, DescriptorInvalidError
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.manifest import Index, Manifest, ManifestInvalidError, encode, parse
from dockyard.oci.mediatype import DOCKER_MANIFEST_LIST, MANIFEST_TYPES, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, traits
from dockyard.oci.platform import Platform, PlatformInvalidError

CONFIG = Descriptor.of(OCI_CONFIG, b"{}")


@given(st.binary(max_size=64), st.sampled_from(["sha256", "sha512"]))
def test_a_digest_survives_writing_and_reading(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "sha256:" + "g" * 64],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(DigestInvalidError):
        Digest.parse(text)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"mediaType": "x", "digest": str(CONFIG.digest)},
        {"mediaType": "x", "digest": str(CONFIG.digest), "size": -1},
        {"mediaType": "x", "digest": str(CONFIG.digest), "size": True},
        {"mediaType": "x", "digest": str(CONFIG.digest), "size": "2"},
        {"mediaType": 1, "digest": str(CONFIG.digest), "size": 2},
    ],
)
def test_a_descriptor_needs_type_digest_and_size(document: Any) -> None:
    with pytest.raises(DescriptorInvalidError):
        Descriptor.from_json(document)


def test_a_manifest_is_a_view_over_its_bytes() -> None:
    raw = encode(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG.to_json(), "layers": [], "x-unknown": 1}
    )
    manifest = parse(raw, OCI_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert manifest.references == [CONFIG]
    assert manifest.descriptor.digest == Digest.of(raw)
    assert manifest.document["x-unknown"] == 1


def test_bytes_that_are_not_utf_8_become_the_replacement_character() -> None:
    assert encode({"a": "\udce9\udcff\u00e9"}) == '{"a":"\ufffd\ufffd\u00e9"}'.encode()


def test_an_index_lists_its_children_with_their_platforms() -> None:
    child = Descriptor(OCI_MANIFEST, CONFIG.digest, 2, {"a": "b"}, Platform("linux", "arm64", "v8"))
    for media_type in (OCI_INDEX, DOCKER_MANIFEST_LIST):
        index = parse(encode({"schemaVersion": 2, "manifests": [child.to_json()]}), media_type)
        assert isinstance(index, Index)
        assert index.references == [child]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"schemaVersion":1}', b"\xff", b"[" * 100_000, b'{"schemaVersion":2,"layers":{}}']
)
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(Error):
        _ = Manifest(raw).references
    with pytest.raises(ManifestInvalidError):
        parse(raw, "text/plain")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["config", "layers", "mediaType", "digest", "size"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_hostile_json_never_raises_anything_but_an_error(document: Any) -> None:
    raw = json.dumps({"schemaVersion": 2, "config": document, "layers": [document]}).encode()
    with pytest.raises(Error):
        _ = Manifest(raw).references


def test_the_media_type_table_knows_every_manifest_type_and_keeps_unknown_ones() -> None:
    assert OCI_INDEX in MANIFEST_TYPES
    assert DOCKER_MANIFEST_LIST in MANIFEST_TYPES
    assert traits("application/vnd.oci.image.manifest.v1+json; charset=utf-8").role == "manifest"
    assert traits("application/x-unknown").role == "other"


def test_a_configuration_shows_environment_and_diff_ids() -> None:
    raw = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {"Env": ["A=1", "B=x=y"]},
            "rootfs": {"type": "layers", "diff_ids": [str(CONFIG.digest)]},
        }
    ).encode()
    config = ImageConfig(raw)
    assert config.environment == {"A": "1", "B": "x=y"}
    assert config.diff_ids == [CONFIG.digest]
    assert str(config.platform) == "linux/amd64"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"rootfs":{"diff_ids":"x"}}'])
def test_what_is_no_configuration_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigInvalidError):
        _ = ImageConfig(raw).diff_ids


def test_platforms_are_written_as_go_writes_them() -> None:
    assert Platform.parse("linux/x86_64") == Platform("linux", "amd64")
    assert str(Platform.parse("Linux/arm64/v8")) == "linux/arm64/v8"
    assert Platform("linux", "arm64", "v8").satisfies(Platform("linux", "arm64"))
    assert not Platform("linux", "arm", "v6").satisfies(Platform("linux", "arm", "v7"))
    assert Platform.parse("arm64") == Platform("linux", "arm64")
    assert Platform.parse("linux").os == "linux"
    assert [
        str(Platform.parse(text).normal()) for text in ("linux/arm", "linux/arm64/v8", "linux/amd64/v1", "armhf")
    ] == [
        "linux/arm/v7",
        "linux/arm64",
        "linux/amd64",
        "linux/arm/v7",
    ]
    versioned = Platform.parse("windows(10.0.20348.1006)/amd64")
    assert versioned == Platform("windows", "amd64", "", "10.0.20348.1006")
    assert str(versioned) == "windows(10.0.20348.1006)/amd64"
    assert Platform.from_json(versioned.to_json()).normal() == versioned
    assert versioned.satisfies(Platform("windows", "amd64"))
    assert versioned.satisfies(Platform("windows", "amd64", "", "10.0.20348.7"))
    assert not versioned.satisfies(Platform("windows", "amd64", "", "10.0.17763.1006"))
    for text in ("", "nothing", "a/b/c/d", "linux/", "windows(1.2/amd64", "windows(1.2)x/amd64", "li nux/amd64"):
        with pytest.raises(PlatformInvalidError):
            Platform.parse(text)
