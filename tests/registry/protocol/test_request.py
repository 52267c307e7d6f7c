"""Paths of the distribution protocol: what they mean, and that what is built is read as it was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.oci.digest import Digest
from dockyard.registry.protocol import request
from dockyard.registry.protocol.request import Target, parse

DIGEST = Digest.of(b"hello")
names = st.lists(st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2", Target("root")),
        ("/v2/", Target("root")),
        ("/v2/_catalog", Target("catalog")),
        ("/v2/a/b/blobs/uploads", Target("uploads", "a/b")),
        ("/v2/a/b/blobs/uploads/", Target("uploads", "a/b")),
        ("/v2/a/b/blobs/uploads/17", Target("upload", "a/b", "17")),
        ("/v2/blobs/blobs/uploads/", Target("uploads", "blobs")),
        ("/v2/a/manifests/manifests/1", Target("manifest", "a/manifests", "1")),
        ("/v2/tags/list/tags/list", Target("tags", "tags/list")),
    ],
)
def test_a_path_of_the_protocol_says_what_it_names(path: str, target: Target) -> None:
    assert parse(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1/",
        "/v2x/a/manifests/1",
        "/v2/manifests/1",
        "/v2/a/manifests/",
        "/v2/a/blobs/",
        "/v2/a/tags/",
        "/v2/a/tags/lists",
        "/v2/a/uploads/17",
        "/v2/a/referrers/",
        "/v2/a/other/1",
    ],
)
def test_any_other_path_is_none(path: str) -> None:
    assert parse(path) is None


@given(names)
def test_what_is_built_is_read_as_it_was_meant(name: str) -> None:
    assert parse(request.manifest_path(name, "1.0")) == Target("manifest", name, "1.0")
    assert parse(request.manifest_path(name, DIGEST)) == Target("manifest", name, str(DIGEST))
    assert parse(request.blob_path(name, DIGEST)) == Target("blob", name, str(DIGEST))
    assert parse(request.uploads_path(name)) == Target("uploads", name)
    assert parse(request.tags_path(name).partition("?")[0]) == Target("tags", name)
    assert parse(request.referrers_path(name, DIGEST)) == Target("referrers", name, str(DIGEST))


@given(st.text(max_size=60).map(lambda text: f"/v2/{text}"))
def test_no_path_makes_the_reader_fail(path: str) -> None:
    target = parse(path)
    assert target is None or path.startswith(f"/v2/{target.name}")


def test_what_goes_into_a_query_is_escaped() -> None:
    mount = request.uploads_path("a/b", mount=DIGEST, source="c/d")
    assert mount == f"/v2/a/b/blobs/uploads/?mount=sha256%3A{DIGEST.hex}&from=c%2Fd"
    listed = request.referrers_path("a/b", DIGEST, "application/vnd.x+json")
    assert listed.endswith("?artifactType=application%2Fvnd.x%2Bjson")
    assert request.with_digest("/up/1", DIGEST) == f"/up/1?digest=sha256%3A{DIGEST.hex}"
    assert request.with_digest("/up/1?state=x", DIGEST) == f"/up/1?state=x&digest=sha256%3A{DIGEST.hex}"


@pytest.mark.parametrize(("name", "valid"), [("a/b-c", True), ("a" * 255, True), ("a" * 256, False), ("A/b", False)])
def test_names_are_bounded_and_in_lower_case(name: str, valid: bool) -> None:
    assert request.name_valid(name) is valid


@pytest.mark.parametrize("text", ["", "../x", "a/b", "a.b", "é", "a" * 65])
def test_an_upload_s_name_can_lead_nowhere(text: str) -> None:
    assert not request.upload_valid(text)
    assert request.upload_valid("0aZ" * 20)
