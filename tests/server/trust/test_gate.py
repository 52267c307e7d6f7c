"""Pulls under a project's policy: refused with every reason, and never by a way around it."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from dockyard.content.memory import Memory
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.mediatype import OCI_INDEX, traits
from dockyard.policy.settings import FailOn, Policy
from dockyard.registry.app.call import Message
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import Feed, compile_feed
from dockyard.server.clock import now
from dockyard.server.database import Database, DatabaseError
from dockyard.server.instance import Instance, open_instance
from dockyard.server.schema.events import EVENT
from dockyard.server.settings import Settings
from dockyard.server.trust import exempting, scanning, watching
from dockyard.server.trust.exempting import ExemptionUnknownError, exempt, exemptions, withdraw
from dockyard.server.trust.gate import opener
from dockyard.server.trust.scanning import changed, findings, packages_of, rematch
from dockyard.server.trust.settings import ProjectPolicy, set_policy
from dockyard.server.trust.watching import Watch
from dockyard.server.webhooks import kept
from dockyard.signing.sign import sign
from making.images import image, layer

KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NAME = "team/app"
METADATA = b"Metadata-Version: 2.1\nName: werkzeug\nVersion: 2.0\n\n"


def advisory(id: str, package: str = "werkzeug", fixed: str = "2.3", severity: str = "CRITICAL") -> Advisory:
    return Advisory("pypi", package, id, "test", severity=severity, ranges=[Range(fixed=fixed)])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(Settings(storage=str(tmp_path)))
    yield instance
    instance.close()


def push(instance: Instance, source: Memory, made: Image, tag: str) -> None:
    for target in made.manifest.references:
        upload = instance.registry.begin(NAME)
        with source.open(target) as stream:
            instance.registry.append(NAME, upload, stream.read())
        instance.registry.finish(NAME, upload, target.digest)
    instance.registry.put_manifest(NAME, tag, made.manifest.raw, made.descriptor.media_type)


@pytest.fixture
def pushed(instance: Instance) -> Image:
    store = Memory()
    made = image(store, layer(store, {"site/werkzeug-2.0.dist-info/METADATA": METADATA}))
    push(instance, store, made, "1.0")
    return made


def get(instance: Instance, path: str) -> tuple[int, bytes, dict[str, str]]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}

    async def ask() -> None:
        await instance.app(scope, receive, send)

    asyncio.run(ask())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:]), headers


def pull(instance: Instance, reference: str) -> tuple[int, str]:
    status, body, _ = get(instance, f"/v2/{NAME}/manifests/{reference}")
    return status, body.decode()


def asking(instance: Instance, **policy: Any) -> None:
    grace = policy.pop("grace", 0)
    warn = policy.pop("warn", False)
    set_policy(instance.database, "team", ProjectPolicy(Policy(**policy), grace, warn))
    forget(instance)


def forget(instance: Instance) -> None:
    """What was allowed is believed for some seconds; a test does not wait for them."""
    gate = instance.gate
    assert gate is not None
    gate.forget()


def test_a_project_without_a_policy_gives_everything(instance: Instance, pushed: Image) -> None:
    assert pull(instance, "1.0")[0] == 200


def test_every_reason_is_told_by_tag_and_by_digest(instance: Instance, pushed: Image) -> None:
    asking(instance, require=["non-root", "healthcheck"])
    for reference in ("1.0", str(pushed.descriptor.digest)):
        status, body = pull(instance, reference)
        assert status == 403
        error = json.loads(body)["errors"][0]
        # Docker, podman and skopeo show the message only.
        for told in (error["message"], error["detail"]):
            assert "runs as root" in told
            assert "no HEALTHCHECK" in told
    with instance.database.read() as connection:
        query = select(EVENT.c.repository, EVENT.c.reference, EVENT.c.digest, EVENT.c.detail)
        rows = connection.execute(query.where(EVENT.c.kind == "pull.refused").order_by(EVENT.c.id)).all()
    digest = str(pushed.descriptor.digest)
    assert [tuple(row[:3]) for row in rows] == [(NAME, "1.0", digest), (NAME, "", digest)]
    assert all("runs as root" in row[3] for row in rows)


def test_a_policy_that_only_warns_gives_the_image_with_a_warning(instance: Instance, pushed: Image) -> None:
    asking(instance, require=["non-root"], warn=True)
    status, _, headers = get(instance, f"/v2/{NAME}/manifests/1.0")
    assert status == 200
    assert "runs as root" in headers["warning"]


def test_an_index_is_no_way_around(instance: Instance, pushed: Image) -> None:
    asking(instance, require=["non-root"])
    entry = {**pushed.descriptor.to_json(), "platform": {"architecture": "amd64", "os": "linux"}}
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    instance.registry.put_manifest(NAME, "all", raw, OCI_INDEX)
    assert pull(instance, "all")[0] == 403


def test_what_is_exempted_everywhere_passes_in_every_project_until_that_has_ended(
    instance: Instance, pushed: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking(instance, fail_on=FailOn("high"))
    compile_feed(instance.folder / "feed.sqlite", [advisory("CVE-1")])
    assert pull(instance, "1.0")[0] == 403
    exempt(instance.database, "other", "CVE-1", "another project's", None)
    number = exempt(instance.database, "", "CVE-1", "not reachable", now() + 60_000)
    forget(instance)
    assert pull(instance, "1.0")[0] == 200
    exempt(instance.database, "team", "CVE-9", "its own", None)
    assert [each["subject"] for each in exemptions(instance.database, "team")] == ["CVE-9", "CVE-1"]
    with pytest.raises(ExemptionUnknownError):
        withdraw(instance.database, "team", number)
    with monkeypatch.context() as later:
        later.setattr(exempting, "now", lambda: now() + 60_001)
        forget(instance)
        assert pull(instance, "1.0")[0] == 403
    withdraw(instance.database, "", number)
    forget(instance)
    assert pull(instance, "1.0")[0] == 403


def test_findings_deny_until_they_are_exempted_and_again_when_that_has_ended(
    instance: Instance, pushed: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking(instance, fail_on=FailOn("high"))
    status, body = pull(instance, "1.0")
    assert status == 403
    assert "not scanned" in body
    compile_feed(instance.folder / "feed.sqlite", [advisory("CVE-1"), advisory("CVE-2", severity="LOW")])
    status, body = pull(instance, "1.0")
    assert status == 403
    assert "CVE-1 in werkzeug is critical" in body
    assert "CVE-2" not in body
    number = exempt(instance.database, "team", "CVE-1", "not reachable", now() + 60_000)
    forget(instance)
    assert pull(instance, "1.0")[0] == 200
    monkeypatch.setattr(exempting, "now", lambda: now() + 60_001)
    forget(instance)
    assert pull(instance, "1.0")[0] == 403
    assert [each["reason"] for each in exemptions(instance.database, "team")] == ["not reachable"]
    withdraw(instance.database, "team", number)
    assert not exemptions(instance.database, "team")


class Store:
    """A place for signatures that puts them into the registry."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def read(self, target: Descriptor, limit: int) -> bytes:
        return self.instance.registry.manifest(NAME, str(target.digest)).raw

    def put(self, media_type: str, data: bytes) -> Descriptor:
        target = Descriptor.of(media_type, data)
        upload = self.instance.registry.begin(NAME)
        self.instance.registry.append(NAME, upload, io.BytesIO(data).read())
        self.instance.registry.finish(NAME, upload, target.digest)
        return target

    def put_manifest(self, raw: bytes, media_type: str, tag: str = "") -> Descriptor:
        target = Descriptor.of(media_type, raw)
        self.instance.registry.put_manifest(NAME, tag or str(target.digest), raw, media_type)
        return target

    def referrers(self, digest: Any) -> list[Descriptor]:
        return list(self.instance.registry.referrers(NAME, digest, artifact_type="", last="", count=100).items)

    def resolve(self, tag: str) -> Descriptor | None:
        return None


def test_only_a_signature_by_the_policy_s_key_opens(instance: Instance, pushed: Image) -> None:
    asking(instance, require=["signed"], keys=[PUBLIC_PEM.decode()])
    assert pull(instance, "1.0")[0] == 403
    sign(pushed.descriptor, OTHER, place=Store(instance), name=NAME)
    forget(instance)
    assert pull(instance, "1.0")[0] == 403
    sign(pushed.descriptor, KEY, place=Store(instance), name=NAME)
    forget(instance)
    assert pull(instance, "1.0")[0] == 200


def test_signatures_are_given_always_and_a_young_image_may_still_be_signed(instance: Instance, pushed: Image) -> None:
    asking(instance, require=["signed", "non-root"], keys=[PUBLIC_PEM.decode()], grace=600)
    status, body = pull(instance, "1.0")
    assert status == 403
    assert "signed" not in body
    made = sign(pushed.descriptor, KEY, place=Store(instance), name=NAME)
    assert pull(instance, str(made.digest))[0] == 200
    assert traits(made.media_type).role == "manifest"


def test_what_is_pushed_is_looked_at_and_a_new_feed_tells_what_it_means(instance: Instance, pushed: Image) -> None:
    watch = Watch(instance.registry, instance.database, instance.folder / "feed.sqlite", instance.folder / "index")
    assert watch.pushes() == 2  # the push, and the project that it made
    assert watch.pushes() == 0
    digest = str(pushed.descriptor.digest)
    assert findings(instance.database, digest) is None
    compile_feed(instance.folder / "feed.sqlite", [advisory("CVE-9", "flask")])
    watch.advisories()
    assert findings(instance.database, digest) == []
    compile_feed(instance.folder / "feed.sqlite", [advisory("CVE-9", "flask"), advisory("CVE-3")])
    assert watch.advisories() == (1, 0)
    assert watch.advisories() == (0, 0)
    assert [each.id for each in findings(instance.database, digest) or []] == ["CVE-3"]
    with instance.database.read() as connection:
        kinds = connection.execute(select(EVENT.c.kind).order_by(EVENT.c.id)).scalars().all()
    assert kinds == ["project.create", "push", "finding.new"]


def test_an_image_that_cannot_be_looked_at_is_told_of_and_holds_up_no_other(
    instance: Instance, pushed: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Memory()
    other = image(store, layer(store, {"site/werkzeug-2.0.dist-info/METADATA": METADATA, "b": b"b"}))
    push(instance, store, other, "2.0")
    compile_feed(instance.folder / "feed.sqlite", [advisory("CVE-3")])
    watch = Watch(instance.registry, instance.database, instance.folder / "feed.sqlite", instance.folder / "index")
    usual = scanning.scan

    def scan(database: Database, found: Image, **rest: Any) -> Any:
        if found.descriptor.digest == pushed.descriptor.digest:
            raise KeyError("a package database that nobody foresaw")
        return usual(database, found, **rest)

    monkeypatch.setattr(watching, "scan", scan)
    kept.add(instance.database, instance.seal, "http://127.0.0.1:9/", kinds=["scan.*"])
    watch.pushes()
    assert [each.id for each in findings(instance.database, str(other.descriptor.digest)) or []] == ["CVE-3"]
    with instance.database.read() as connection:
        query = select(EVENT.c.kind, EVENT.c.reference, EVENT.c.digest, EVENT.c.detail)
        rows = connection.execute(query.where(EVENT.c.kind.like("scan.%")).order_by(EVENT.c.id)).all()
    assert [tuple(row[:3]) for row in rows] == [
        ("scan.failed", "1.0", str(pushed.descriptor.digest)),
        ("scan.done", "2.0", str(other.descriptor.digest)),
    ]
    assert json.loads(rows[0][3]) == {"reason": "KeyError"}
    assert json.loads(rows[1][3]) == {"packages": 1, "severities": {"CRITICAL": 1}}


def test_a_database_that_goes_away_has_the_image_looked_at_later(
    instance: Instance, pushed: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(instance.registry, instance.database, instance.folder / "feed.sqlite", instance.folder / "index")

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as patched:
        patched.setattr(watching, "scan", away)
        with pytest.raises(DatabaseError):
            watch.pushes()
    assert watch.pushes() == 1
    assert packages_of(instance.database, str(pushed.descriptor.digest)) is not None


def test_a_feed_that_cannot_be_used_is_told_once_and_is_as_good_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    give = opener(tmp_path / "feed.sqlite")
    assert give() is None
    assert caplog.messages == [], "having none yet is no fault"
    (tmp_path / "feed.sqlite").write_bytes(b"no database at all")
    assert give() is None
    assert give() is None
    (message,) = caplog.messages
    assert "feed.sqlite is no feed" in message
    assert "dockyard feed update" in message
    (tmp_path / "feed.sqlite").unlink()
    compile_feed(tmp_path / "feed.sqlite", [advisory("A-1")])
    found = give()
    assert found is not None
    found.close()


def test_a_new_feed_asks_only_for_what_has_changed(instance: Instance, pushed: Image, tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite", instance.folder / "feed.sqlite"
    compile_feed(old, [advisory("CVE-1"), advisory("CVE-9", "flask")])
    compile_feed(new, [advisory("CVE-1"), advisory("CVE-9", "flask")])
    asking(instance, fail_on=FailOn("high"))
    pull(instance, "1.0")
    digest = str(pushed.descriptor.digest)
    assert [each.id for each in findings(instance.database, digest) or []] == ["CVE-1"]
    compile_feed(new, [advisory("CVE-1"), advisory("CVE-9", "flask"), advisory("CVE-3")])
    assert changed(old, new) == [("pypi", "werkzeug")]
    with Feed(new) as feed:
        assert rematch(instance.database, feed, changed(old, new)) == (1, [])
    assert sorted(each.id for each in findings(instance.database, digest) or []) == ["CVE-1", "CVE-3"]
    compile_feed(old, [advisory("CVE-3", fixed="1.0")])
    with Feed(old) as feed:
        assert rematch(instance.database, feed, changed(new, old)) == (1, [])
    assert findings(instance.database, digest) == []
