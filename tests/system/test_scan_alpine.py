"""Findings in Alpine's own root file system, from Alpine's own advisories."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.cli.main import run
from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.images import image

Make = Callable[[Layout, str], Layer]
RECORDS = ROOT / "tests" / "scan" / "alpine-3.16"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rootfs_layer: Make) -> Path:
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path))
    store = Layout(tmp_path / "store", create=True)
    for version in ("3.16.9", "3.20.3"):
        made = rootfs_layer(store, f"alpine-minirootfs-{version}-x86_64.tar.gz")
        store.tag(f"docker.io/library/alpine:{version}", image(store, made).descriptor)
    return tmp_path


def findings(name: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    capsys.readouterr()
    assert run(["scan", name, "--json"]) == 0
    return list(json.loads(capsys.readouterr().out)["findings"])


def test_the_old_root_file_system_has_the_flaw_that_was_fixed_after_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["feed", "update", "--osv", str(RECORDS)]) == 0
    found = findings("alpine:3.16.9", capsys)
    assert {(each["package"], each["version"], each["fixed_version"]) for each in found} == {
        ("musl", "1.2.3-r3", "1.2.3-r4"),
        ("musl-utils", "1.2.3-r3", "1.2.3-r4"),
    }
    assert {(each["id"], each["severity"], each["source"]) for each in found} == {("CVE-2025-26519", "HIGH", "osv")}
    assert all(each["layer"].startswith("sha256:") and each["range"] for each in found)
    # Its own release's fix counts: 1.2.5-r0 is newer than every other release's.
    assert [each["package"] for each in findings("alpine:3.20.3", capsys)] == ["musl", "musl-utils"]


def test_the_same_is_found_from_the_security_database_s_own_form(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = {
        "musl": {"1.2.3-r4": ["CVE-2025-26519"]},
        "busybox": {"1.35.0-r15": ["CVE-2022-30065"]},
        "openssl": {"1.1.1w-r1": ["CVE-2023-5678"]},
    }
    document = {
        "distroversion": "v3.16",
        "reponame": "main",
        "packages": [{"pkg": {"name": name, "secfixes": fixes}} for name, fixes in packages.items()],
    }
    (tmp_path / "main.json").write_text(json.dumps(document))
    assert run(["feed", "update", "--alpine-secdb", str(tmp_path / "main.json")]) == 0
    found = findings("alpine:3.16.9", capsys)
    assert {(each["id"], each["package"]) for each in found} == {
        ("CVE-2025-26519", "musl"),
        ("CVE-2025-26519", "musl-utils"),
    }
    assert findings("alpine:3.20.3", capsys) == []


def test_the_real_database_of_older_releases_says_nothing_of_a_newer_one(
    home: Path, tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tarfile

    with tarfile.open(shared_data / "advisories" / "alpine-secdb.tar.xz") as archive:
        archive.extract("v3.11/main.yaml", tmp_path, filter="data")
    assert run(["feed", "update", "--alpine-secdb", str(tmp_path / "v3.11"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["advisories"] > 500
    assert findings("alpine:3.16.9", capsys) == []
