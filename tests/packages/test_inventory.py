"""Inventories from layers, and the SBOM documents made from them."""

import json
from pathlib import Path

import pytest

from dockyard.content.memory import Memory
from dockyard.layers.tar import Entry
from dockyard.packages import cyclonedx, spdx
from dockyard.packages.inventory import Inventory, inventory
from dockyard.packages.package import Distribution, Package
from making.images import layer

STATUS = """Package: libc6
Status: install ok installed
Source: glibc (2.36-9+deb12u4)
Architecture: amd64
Version: 2.36-9+deb12u4+b1

Package: gone
Status: deinstall ok config-files
Version: 1
"""
APK = "C:Q1=\nP:musl\nV:1.2.3-r3\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\n\nP:ssl_client\nV:1.35-r1\no:busybox\n"
WHEEL = "Metadata-Version: 2.1\nName: Werkzeug\nVersion: 2.3.7\nLicense: BSD\n\nlong text\n"
FILES: dict[str, bytes | Entry] = {
    "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": STATUS.encode(),
    "var/lib/dpkg/status.d/tzdata": b"Package: tzdata\nStatus: install ok installed\nVersion: 2026a-0\n",
    "lib/apk/db/installed": APK.encode(),
    "srv/lib/Werkzeug-2.3.7.dist-info/METADATA": WHEEL.encode(),
    "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO": b"Name: six\nVersion: 1.16.0\n\n",
    "var/lib/dpkg/info/python3-six.list": b"/.\n/usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO\n",
    "app/node_modules/@a/b/package.json": b'{"name":"@a/b","version":"1.0.0","license":"MIT"}',
    "app/package.json": b'{"name":"not-installed","version":"9"}',
    "app/node_modules/broken/package.json": b"{",
}


def found(held: Inventory) -> set[tuple[str, str, str]]:
    return {(package.ecosystem, package.name, package.version) for package in held.packages}


def test_every_kind_of_package_is_found_with_its_source_and_evidence() -> None:
    made = layer(Memory(), FILES)
    held = inventory([made])
    assert held.distribution == Distribution("debian", "12")
    assert found(held) == {
        ("debian", "libc6", "2.36-9+deb12u4+b1"),
        ("debian", "tzdata", "2026a-0"),
        ("alpine", "musl", "1.2.3-r3"),
        ("alpine", "ssl_client", "1.35-r1"),
        ("pypi", "Werkzeug", "2.3.7"),
        ("npm", "@a/b", "1.0.0"),
    }
    libc = next(package for package in held.packages if package.name == "libc6")
    assert (libc.source, libc.source_version) == ("glibc", "2.36-9+deb12u4")
    assert (libc.path, libc.layer) == ("var/lib/dpkg/status", str(made.diff_id))
    assert next(p for p in held.packages if p.name == "ssl_client").source == "busybox"


def test_a_package_whose_evidence_a_later_layer_hides_or_replaces_is_gone() -> None:
    store = Memory()
    base = layer(store, FILES)
    later: dict[str, bytes | Entry] = {
        "srv/lib/.wh.Werkzeug-2.3.7.dist-info": b"",
        "var/lib/dpkg/status": b"Package: new\nStatus: install ok installed\nVersion: 1\n",
    }
    names = {name for _, name, _ in found(inventory([base, layer(store, later)]))}
    assert "Werkzeug" not in names
    assert "libc6" not in names
    assert {"new", "tzdata"} <= names


def test_a_layer_is_read_once(tmp_path: Path) -> None:
    store = Memory()
    made = layer(store, FILES)
    before = inventory([made], cache=tmp_path)
    store.blobs.clear()
    assert inventory([made], cache=tmp_path) == before


@pytest.mark.parametrize(
    ("package", "purl"),
    [
        (
            Package("debian", "libc6", "2.36-9+deb12u4", architecture="amd64"),
            "pkg:deb/debian/libc6@2.36-9+deb12u4?arch=amd64&distro=debian-12",
        ),
        (Package("pypi", "Foo_Bar.baz", "1"), "pkg:pypi/foo-bar-baz@1"),
        (Package("npm", "@a/b", "1"), "pkg:npm/%40a/b@1"),
    ],
)
def test_a_package_has_its_package_url(package: Package, purl: str) -> None:
    assert package.purl("debian-12") == purl


ABOUT = {"name": "docker.io/library/x", "digest": "sha256:" + "a" * 64, "created": "2026-01-01T00:00:00Z"}


def test_both_documents_are_the_same_each_time() -> None:
    held = inventory([layer(Memory(), FILES)])
    assert json.dumps(cyclonedx.document(held, **ABOUT)) == json.dumps(cyclonedx.document(held, **ABOUT))
    assert json.dumps(spdx.document(held, **ABOUT)) == json.dumps(spdx.document(held, **ABOUT))


@pytest.mark.slow
def test_both_documents_are_valid_to_their_own_validators() -> None:
    # Only here: loading them takes as long as a hundred tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    held = inventory([layer(Memory(), FILES)])
    text = json.dumps(cyclonedx.document(held, **ABOUT))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parser = JsonLikeDictParser()  # type: ignore[no-untyped-call]
    assert validate_full_spdx_document(parser.parse(spdx.document(held, **ABOUT))) == []
