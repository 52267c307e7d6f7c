"""Every rule both ways, and every reason at once."""

import datetime as dt
from dataclasses import replace

import pytest

from dockyard._internal.settings import SettingsInvalidError, decode
from dockyard.policy.facts import Base, Facts, Finding
from dockyard.policy.judge import judge
from dockyard.policy.settings import Exemption, FailOn, Policy
from dockyard.policy.verdict import ImageDeniedError, UndecidedError

GOOD = Facts(
    registry="r.example",
    repository="team/web",
    tag="1.2.3",
    digest="sha256:" + "a" * 64,
    user="1000",
    healthcheck=["CMD", "true"],
    findings=[Finding("CVE-1", "x 1", "LOW", "2"), Finding("CVE-2", "y 1", "CRITICAL")],
    signers=["k"],
    sbom=True,
    bases=[Base("b", True)],
)
STRICT = Policy(
    fail_on=FailOn("high", only_fixed=True),
    require=["non-root", "healthcheck", "signed", "sbom", "pinned-base"],
    tags=["semver", "git"],
    registries=["r.example/team"],
)


def test_an_image_that_satisfies_everything_is_allowed() -> None:
    verdict = judge(GOOD, STRICT)
    assert verdict.allowed
    assert len(verdict.rules) == 8
    verdict.demand()
    assert judge(replace(GOOD, tag="0a1b2c3"), STRICT).allowed


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"user": ""}, "non-root"),
        ({"user": "0:0"}, "non-root"),
        ({"user": "root"}, "non-root"),
        ({"healthcheck": []}, "healthcheck"),
        ({"healthcheck": ["NONE"]}, "healthcheck"),
        ({"bases": [Base("b", False)]}, "pinned-base"),
        ({"tag": "latest"}, "tag"),
        ({"tag": "v1"}, "tag"),
        ({"registry": "other"}, "registry"),
        ({"repository": "teamwork/x"}, "registry"),
        ({"findings": [Finding("CVE-3", "z 1", "HIGH", "2")]}, "fail-on"),
        ({"signers": []}, "signed"),
        ({"sbom": False}, "sbom"),
    ],
)
def test_each_rule_denies_by_itself(change: dict[str, object], rule: str) -> None:
    verdict = judge(replace(GOOD, **change), STRICT)  # type: ignore[arg-type]
    assert [reason.rule for reason in verdict.reasons] == [rule]
    assert verdict.reasons[0].advice
    with pytest.raises(ImageDeniedError) as caught:
        verdict.demand()
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("change", [{"findings": None}, {"signers": None}, {"sbom": None}, {"bases": None}])
def test_a_fact_that_is_not_known_never_passes(change: dict[str, object]) -> None:
    with pytest.raises(UndecidedError) as caught:
        judge(replace(GOOD, **change), STRICT).demand()  # type: ignore[arg-type]
    assert caught.value.exit_code == 4


def test_every_reason_comes_at_once() -> None:
    verdict = judge(replace(GOOD, user="", healthcheck=[], tag="latest", signers=None), STRICT)
    assert {reason.rule for reason in verdict.reasons} == {"non-root", "healthcheck", "tag", "signed"}
    with pytest.raises(ImageDeniedError, match="4 reasons"):
        verdict.demand()
    assert verdict.to_json()["allowed"] is False


def test_an_exemption_holds_until_its_day() -> None:
    facts = replace(GOOD, findings=[Finding("GHSA-1", "z 1", "HIGH", "2", ["CVE-9"])])
    today = dt.datetime.now(dt.UTC).date()
    for until, allowed in ((None, True), (today, True), (today - dt.timedelta(days=1), False)):
        policy = Policy(fail_on=FailOn("high"), exempt=[Exemption("CVE-9", "not reachable", until)])
        assert judge(facts, policy).allowed == allowed


def test_an_empty_policy_refuses_only_latest() -> None:
    bare = Facts("r", "a", "x", "d")
    assert judge(bare, Policy()).allowed
    assert not judge(replace(bare, tag="latest"), Policy()).allowed


def test_an_unknown_key_or_rule_is_refused() -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        decode(b'requires = ["signed"]', Policy, what="dockyard.toml")
    assert "`require`" in caught.value.hint
    with pytest.raises(SettingsInvalidError):
        decode(b'require = ["sined"]', Policy, what="dockyard.toml")
