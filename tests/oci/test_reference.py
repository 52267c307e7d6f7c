"""References."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.oci.digest import Digest
from dockyard.oci.reference import Reference, ReferenceInvalidError

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3.16", "docker.io/library/alpine:3.16", "alpine:3.16"),
        ("grafana/loki:2", "docker.io/grafana/loki:2", "grafana/loki:2"),
        ("index.docker.io/library/alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("localhost/shop", "localhost/shop:latest", "localhost/shop:latest"),
        ("localhost:5000/shop/web:1.0", "localhost:5000/shop/web:1.0", "localhost:5000/shop/web:1.0"),
        ("[::1]:5000/a:b", "[::1]:5000/a:b", "[::1]:5000/a:b"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}", f"alpine@{DIGEST}"),
        (f"ghcr.io/a/b:1@{DIGEST}", f"ghcr.io/a/b:1@{DIGEST}", f"ghcr.io/a/b:1@{DIGEST}"),
    ],
)
def test_names_mean_what_people_mean(text: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == canonical
    assert reference.familiar == familiar
    assert Reference.parse(canonical) == reference
    assert Reference.parse(familiar) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "a@",
        "Alpine",
        "a//b",
        "a/../b",
        "-a",
        "a:b:c",
        "a:-b",
        f"a@{DIGEST}0",
        "a b",
        "a/b_/c",
        "x" * 300,
    ],
)
def test_what_is_not_a_name_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalidError):
        Reference.parse(text)


def test_upper_case_gets_the_lower_case_name_as_hint() -> None:
    with pytest.raises(ReferenceInvalidError) as caught:
        Reference.parse("MyShop:1")
    assert "myshop:1" in caught.value.hint


def test_another_tag_or_digest_leads_to_the_same_repository() -> None:
    reference = Reference.parse("shop:1")
    assert str(reference.with_tag("2")) == "docker.io/library/shop:2"
    assert str(reference.with_digest(Digest.parse(DIGEST))) == f"docker.io/library/shop@{DIGEST}"
    with pytest.raises(ReferenceInvalidError):
        reference.with_tag("no tag")


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_refused_and_the_canonical_form_is_stable(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except ReferenceInvalidError:
        return
    assert Reference.parse(str(reference)) == reference
