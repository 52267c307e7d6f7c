"""The words of `--sbom`, `--provenance` and `--attest`."""

import pytest

from dockyard.build.options import Slsa
from dockyard.cli.build.attest_words import Wish, parse
from dockyard.errors import UsageError


@pytest.mark.parametrize(
    ("provenance", "attest", "wish"),
    [
        ("", [], Wish()),
        ("true", [], Wish(provenance="max")),
        ("false", [], Wish()),
        ("min", [], Wish(provenance="min")),
        ("mode=max", [], Wish(provenance="max")),
        ("mode=min,version=v0.2,builder-id=me", [], Wish(provenance="min", slsa=Slsa("v0.2", "me"))),
        ("", ["type=provenance"], Wish(provenance="max")),
        ("", ["type=provenance,mode=min,reproducible=true"], Wish(provenance="min", slsa=Slsa(reproducible=True))),
        ("max", ["type=provenance,disabled=true"], Wish()),
        ("", ["type=sbom"], Wish(sbom=True)),
        ("", ["type=sbom", "type=sbom,disabled=true"], Wish()),
        (
            "",
            ["type=provenance,filename=p.json,inline-only=true"],
            Wish(provenance="max", filename="p.json", inline=True),
        ),
    ],
)
def test_words_say_which_attestations_and_in_which_form(provenance: str, attest: list[str], wish: Wish) -> None:
    assert parse(provenance, attest, sbom=False) == wish


@pytest.mark.parametrize(
    ("provenance", "attest"),
    [
        ("perhaps", ""),
        ("mode=most", ""),
        ("version=v2", ""),
        ("mode=max,colour=red", ""),
        ("reproducible=perhaps", ""),
        ("filename=../x", ""),
        ("", "type=other"),
        ("", "sbom"),
        ("", ""),
        ("", "type=sbom,generator=x"),
        ("", "type=sbom,mode=max"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(provenance: str, attest: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(provenance, [attest] if not provenance else [], sbom=False)
    assert refused.value.hint
