"""Advisories into a feed, and the feed over an inventory."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from dockyard.cli.main import run
from dockyard.packages.inventory import Inventory
from dockyard.packages.package import Distribution, Package
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import Feed, FeedInvalidError, FeedMissingError, compile_feed
from dockyard.scan.match import Finding, match
from dockyard.scan.sarif import document as sarif
from dockyard.scan.severity import base_score
from dockyard.scan.sources import debian_tracker, osv, secdb
from dockyard.scan.sources.debian_archive import changelog


def scanned(
    tmp_path: Path, advisories: list[Advisory], *packages: Package, distribution: str = "debian"
) -> list[Finding]:
    version = "12" if distribution == "debian" else "3.16.9"
    compile_feed(tmp_path / "feed", advisories)
    with Feed(tmp_path / "feed") as feed:
        return match(Inventory(sorted(packages), Distribution(distribution, version)), feed)


def record(**extra: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Foo.Bar"},
        "ranges": [
            {
                "type": "ECOSYSTEM",
                "events": [{"introduced": "1.0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"last_affected": "2.2"}],
            }
        ],
        "versions": ["0.1.dev0"],
    }
    return {"id": "PYSEC-1", "affected": [affected], **extra}


@pytest.mark.parametrize(
    ("version", "touched"),
    [
        ("0.9", False),
        ("1.0", True),
        ("1.4.9", True),
        ("1.5", False),
        ("2.0rc1", False),
        ("2.2", True),
        ("2.2.1", False),
        ("0.1.dev0", True),
    ],
)
def test_events_mean_what_the_schema_says(tmp_path: Path, version: str, touched: bool) -> None:
    found = scanned(tmp_path, list(osv.advisories(record())), Package("pypi", "foo_bar", version))
    assert bool(found) == touched


def test_a_withdrawn_record_says_nothing() -> None:
    assert list(osv.advisories(record(withdrawn="2024-01-01T00:00:00Z"))) == []


def test_advisories_of_one_flaw_are_one_finding_under_its_cve(tmp_path: Path) -> None:
    one = record(
        aliases=["CVE-2024-1"], severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]
    )
    two = {**record(aliases=["CVE-2024-1"]), "id": "GHSA-2"}
    (found,) = scanned(
        tmp_path, [*osv.advisories(one), *osv.advisories(two)], Package("pypi", "foo-bar", "1.2", path="p", layer="l")
    )
    assert (found.id, found.severity, found.fixed_version, found.status) == ("CVE-2024-1", "HIGH", "1.5", "fixed")
    assert found.aliases == ["GHSA-2", "PYSEC-1"]
    assert (found.range, found.source, found.path, found.layer) == (">= 1.0, < 1.5", "osv", "p", "l")


def test_the_shop_s_real_advisories_touch_the_vulnerable_lock_file_and_not_the_other(tmp_path: Path) -> None:
    advisories = list(osv.read(ROOT / "examples/shop/advisories"))
    assert len({advisory.id for advisory in advisories}) == 12
    found = scanned(tmp_path, advisories, Package("pypi", "Werkzeug", "2.3.7"), Package("pypi", "Jinja2", "3.1.6"))
    assert [(each.id, each.severity, each.fixed_version) for each in found] == [("CVE-2023-46136", "HIGH", "2.3.8")]
    assert scanned(tmp_path, advisories, Package("pypi", "Werkzeug", "3.1.9")) == []


def test_a_distribution_s_advisories_speak_of_the_source_package(tmp_path: Path) -> None:
    advisories = [Advisory("debian:12", "glibc", "CVE-1", "debian-archive", ranges=[Range("", "2.36-9+deb12u5")])]
    package = Package("debian", "libc6", "2.36-9+deb12u4+b1", "glibc", "2.36-9+deb12u4")
    assert [each.id for each in scanned(tmp_path, advisories, package)] == ["CVE-1"]
    mended = Package("debian", "libc6", "2.36-9+deb12u5", "glibc", "2.36-9+deb12u5")
    assert scanned(tmp_path, advisories, mended) == []


def test_alpine_s_fix_in_version_0_was_never_a_flaw(tmp_path: Path) -> None:
    path = tmp_path / "main.yaml"
    path.write_text(
        "distroversion: v3.16\npackages:\n  - pkg:\n      name: busybox\n      secfixes:\n"
        "        1.35.0-r18:\n          - CVE-2022-48174 CVE_2023-1001\n        0:\n          - CVE-2000-1\n"
    )
    advisories = list(secdb.read(path))
    assert sorted(each.id for each in advisories) == ["CVE-2022-48174", "CVE-2023-1001"]
    package = Package("alpine", "ssl_client", "1.35.0-r17", "busybox", "1.35.0-r17")
    assert len(scanned(tmp_path, advisories, package, distribution="alpine")) == 2
    package = Package("alpine", "ssl_client", "1.35.0-r18", "busybox", "1.35.0-r18")
    assert scanned(tmp_path, advisories, package, distribution="alpine") == []


def test_the_tracker_s_states(tmp_path: Path) -> None:
    releases = {
        "a": {"status": "resolved", "fixed_version": "2", "urgency": "high"},
        "b": {"status": "resolved", "fixed_version": "0", "urgency": "low"},
        "c": {"status": "open", "urgency": "unimportant", "nodsa_reason": "postponed"},
        "d": {"status": "undetermined"},
    }
    document = {"src": {f"CVE-{name}": {"releases": {"bookworm": state}} for name, state in releases.items()}}
    (tmp_path / "t.json").write_text(json.dumps(document))
    found = scanned(tmp_path, list(debian_tracker.read(tmp_path / "t.json")), Package("debian", "bin", "1", "src", "1"))
    assert [(f.id, f.severity, f.status, f.fixed_version) for f in found] == [
        ("CVE-a", "HIGH", "fixed", "2"),
        ("CVE-c", "NEGLIGIBLE", "fix_deferred", ""),
    ]


def test_a_changelog_says_which_version_fixed_what() -> None:
    text = (
        "src (1-3) bookworm-security; urgency=high\n\n  * Fix CVE-2024-2002, and CVE-2024-1001 again.\n\n"
        " -- A <a@b>  Mon\n\n"
        "src (1-2) bookworm-security; urgency=medium\n\n  * cve-2024-1001\n\n -- A <a@b>  Mon\n"
    )
    found = {each.id: (each.ranges[0].fixed, each.severity) for each in changelog(text, "debian:12")}
    assert found == {"CVE-2024-1001": ("1-2", "MEDIUM"), "CVE-2024-2002": ("1-3", "HIGH")}


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L", 1.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("nonsense", None),
        ("CVSS:3.1/AV:N", None),
    ],
)
def test_a_cvss_vector_has_its_score(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_the_same_advisories_give_the_same_snapshot_in_any_order(tmp_path: Path) -> None:
    advisories = list(osv.read(ROOT / "examples/shop/advisories"))
    one = compile_feed(tmp_path / "a", advisories)
    two = compile_feed(tmp_path / "b", [*reversed(advisories), advisories[0]])
    assert one["snapshot"] == two["snapshot"]
    assert one["advisories"] == two["advisories"]


def test_a_missing_or_damaged_feed_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FeedMissingError) as missing:
        Feed(tmp_path / "none")
    assert "dockyard feed update" in missing.value.hint
    (tmp_path / "bad").write_bytes(b"nonsense" * 100)
    with pytest.raises(FeedInvalidError):
        Feed(tmp_path / "bad")


def test_a_feed_older_than_a_day_is_reported_with_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import time

    from dockyard.content.layout import Layout
    from making.images import image, layer

    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path))
    store = Layout(tmp_path / "store", create=True)
    made = layer(store, {"a/Werkzeug-2.3.7.dist-info/METADATA": b"Name: Werkzeug\nVersion: 2.3.7\n\n"})
    store.tag("docker.io/library/x:1", image(store, made).descriptor)
    assert run(["scan", "x:1"]) == 2
    assert "dockyard feed update" in capsys.readouterr().err
    compile_feed(tmp_path / "feed.sqlite", osv.read(ROOT / "examples/shop/advisories"), clock=time.time() - 3 * 86400)
    assert run(["scan", "x:1", "--severity", "CRITICAL,HIGH", "--ignore-unfixed", "--exit-code", "7"]) == 7
    said = capsys.readouterr()
    assert "3 days old" in said.err
    assert "CVE-2023-46136" in said.out
    assert run(["scan", "x:1", "--severity", "critical", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert run(["scan", "x:1", "--severity", "dreadful"]) == 2


def test_sarif_has_a_result_a_finding_with_a_fingerprint_that_stays(tmp_path: Path) -> None:
    found = scanned(tmp_path, list(osv.advisories(record())), Package("pypi", "foo-bar", "1.2", path="p"))
    (one,) = sarif(found, image="x", snapshot="s")["runs"]
    assert one["results"][0]["ruleId"] == one["tool"]["driver"]["rules"][0]["id"] == "PYSEC-1"
    assert (
        one["results"][0]["partialFingerprints"]
        == sarif(found, image="y", snapshot="t")["runs"][0]["results"][0]["partialFingerprints"]
    )
