"""What advisories say of stored images: listed, exported and looked for anew."""

import csv
import io
import time

import pytest

from dockyard.content.memory import Memory
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import compile_feed
from dockyard.server.access import members
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.trust.scanning import findings
from dockyard.server.trust.watching import Watch
from making.images import image, layer

from .conftest import Place

METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 2.0\n\n"
SEVERE = {"CVE-1": "CRITICAL", "CVE-2": "LOW", "CVE-3": "MEDIUM"}


def advisory(id: str, severity: str, package: str = "werkzeug", title: str = "") -> Advisory:
    return Advisory("pypi", package, id, "test", severity=severity, ranges=[Range(fixed="2.3")], title=title)


def pushed(place: Place, name: str, tag: str) -> str:
    store = Memory()
    files = {f"site/{each}-2.0.dist-info/METADATA": METADATA.format(each).encode() for each in ("werkzeug", "flask")}
    made = image(store, layer(store, files))
    for target in made.manifest.references:
        with store.open(target) as stream:
            place.blob(name, stream.read())
    place.instance.registry.put_manifest(name, tag, made.manifest.raw, made.descriptor.media_type)
    return str(made.descriptor.digest)


@pytest.fixture
def scanned(place: Place) -> tuple[Place, str]:
    """A project whose image has findings: low and medium of one advisory, and one of each other severity."""
    place.project("team")
    digest = pushed(place, "team/web", "1")
    pushed(place, "team/other", "1")
    folder = place.instance.folder
    said = [advisory(id, severity) for id, severity in SEVERE.items()]
    said += [advisory("CVE-3", "LOW", "flask"), advisory("CVE-4", "UNKNOWN", "flask", "=HYPERLINK(1)")]
    compile_feed(folder / "feed.sqlite", said)
    watch = Watch(place.instance.registry, place.database, folder / "feed.sqlite", folder / "index")
    watch.pushes()
    return place, digest


def test_advisories_are_found_by_their_worst_severity(scanned: tuple[Place, str], root: str) -> None:
    place, _ = scanned
    whole = place.api("GET", "/advisories", auth=root).document
    assert {each["id"]: each["severity"] for each in whole} == {**SEVERE, "CVE-4": "UNKNOWN"}
    for severity, wanted in (
        ("critical", ["CVE-1"]),
        ("high", []),
        ("medium", ["CVE-3"]),
        ("low", ["CVE-2"]),
        ("unknown", ["CVE-4"]),
    ):
        found = place.api("GET", f"/advisories?severity={severity}", auth=root).document
        assert [each["id"] for each in found] == wanted, severity


def test_findings_are_exported_for_spreadsheets(scanned: tuple[Place, str], root: str) -> None:
    place, digest = scanned
    answer = place.api("GET", "/projects/team/findings/export.csv", auth=root)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    mine = [row for row in rows if row["repository"] == "team/web"]
    assert [(row["repository"], row["advisory"], row["package"]) for row in mine] == [
        ("team/web", "CVE-1", "werkzeug"),
        ("team/web", "CVE-2", "werkzeug"),
        ("team/web", "CVE-3", "flask"),
        ("team/web", "CVE-3", "werkzeug"),
        ("team/web", "CVE-4", "flask"),
    ]
    assert {row["digest"] for row in rows} == {digest}
    assert {row["title"] for row in rows if row["advisory"] == "CVE-4"} == {"'=HYPERLINK(1)"}
    first = rows[0]
    assert (first["tags"], first["version"], first["fixed_version"]) == ("1", "2.0", "2.3")
    narrowed = place.user("narrowed", project="team", role="developer")
    members.put(place.database, SYSTEM, "team", "narrowed", "developer", repositories=["team/web"])
    seen = place.api("GET", "/projects/team/findings/export.csv", auth=narrowed).body.decode()
    assert "team/web" in seen
    assert "team/other" not in seen
    place.project("bare")
    assert len(place.api("GET", "/projects/bare/findings/export.csv", auth=root).body.splitlines()) == 1


def test_an_image_is_looked_at_anew_when_a_maintainer_asks(scanned: tuple[Place, str], root: str) -> None:
    place, digest = scanned
    path = "/repositories/team:web/artifacts/1/scan"
    compile_feed(place.instance.folder / "feed.sqlite", [advisory("CVE-9", "HIGH")])
    number = place.api("POST", path, auth=root).document["job"]
    assert place.api("POST", path, auth=root).document["job"] is None  # it waits already
    place.instance.jobs.start()
    assert _ended(place, root, number)["result"] == {"images": 1}
    assert [each.id for each in findings(place.database, digest) or []] == ["CVE-9"]


def test_a_scan_that_was_asked_for_is_stopped(scanned: tuple[Place, str], root: str) -> None:
    place, _ = scanned
    path = "/repositories/team:web/artifacts/1/scan"
    assert place.api("DELETE", path, auth=root).document == {"cancelled": False}
    number = place.api("POST", path, auth=root).document["job"]
    assert place.api("DELETE", path, auth=root).document == {"cancelled": True}
    assert place.api("GET", f"/jobs/{number}", auth=root).document["state"] == "cancelled"


def _ended(place: Place, root: str, number: int) -> dict[str, object]:
    deadline = time.monotonic() + 20
    found: dict[str, object] = {}
    while found.get("state") not in ("done", "failed"):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
        found = place.api("GET", f"/jobs/{number}", auth=root).document
    return found
