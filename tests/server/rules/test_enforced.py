"""Tags and quotas: what a project's rules refuse is refused, with the rule's name, and nothing else is."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from dockyard.oci.digest import Digest
from dockyard.registry.interface import Registry, WireError
from dockyard.server.instance import Instance, open_instance
from dockyard.server.rules import quota, tag_rules
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.schema.events import EVENT
from dockyard.server.settings import Settings
from dockyard.server.stored import deleting
from making.calls import Caller
from making.pushed import blob, image, opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path) as instance:
        image(instance.registry, "team/web", "first")
        yield instance


def refused(registry: Registry, name: str, tag: str, note: str = "") -> WireError:
    with pytest.raises(WireError) as caught:
        image(registry, name, tag, note=note)
    assert caught.value.code.name == "DENIED"
    return caught.value


def test_an_immutable_tag_can_be_pushed_again_but_neither_moved_nor_deleted(instance: Instance) -> None:
    registry = instance.registry
    rule = tag_rules.add(instance.database, "team", "immutable", "v*", "we*")
    one = image(registry, "team/web", "v1", note="one")
    assert image(registry, "team/web", "v1", note="one") == one
    error = refused(registry, "team/web", "v1", "two")
    assert error.code.status == 412
    assert f"rule {rule.number} (immutable v* in we*)" in error.code.meaning
    for reference in ("v1", str(one)):
        with pytest.raises(WireError) as caught:
            registry.delete_manifest("team/web", reference)
        assert caught.value.code.status == 412
    assert registry.manifest("team/web", "v1").digest == one
    image(registry, "team/api", "v1", note="one")
    image(registry, "team/api", "v1", note="two")  # the rule does not speak of this repository
    tag_rules.remove(instance.database, "team", rule.number)
    image(registry, "team/web", "v1", note="two")
    registry.delete_manifest("team/web", "v1")


def test_of_two_pushes_to_a_new_immutable_tag_one_wins(instance: Instance) -> None:
    tag_rules.add(instance.database, "team", "immutable", "**")
    ready = threading.Barrier(8)
    outcome: list[str] = []

    def push(number: int) -> None:
        ready.wait()
        try:
            outcome.append(str(image(instance.registry, "team/web", "race", note=str(number))))
        except WireError as error:
            outcome.append("" if error.code.status == 412 else str(error))

    threads = [threading.Thread(target=push, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    won = [each for each in outcome if each]
    assert len(outcome) == 8
    assert won == [str(instance.registry.manifest("team/web", "race").digest)]


def test_signatures_beside_an_immutable_image_may_still_change(instance: Instance) -> None:
    tag_rules.add(instance.database, "team", "immutable", "**")
    tag_rules.add(instance.database, "team", "required", "semver")
    one = image(instance.registry, "team/web", "1.0.0")
    for note in ("first", "second"):
        image(instance.registry, "team/web", f"sha256-{one.hex}.sig", note=note)
    strict = tag_rules.add(instance.database, "team", "immutable", "sha256-*.sig")
    error = refused(instance.registry, "team/web", f"sha256-{one.hex}.sig", "third")
    assert f"rule {strict.number}" in error.code.meaning


def test_latest_is_refused_where_the_project_says_so(instance: Instance) -> None:
    tag_rules.add(instance.database, "team", "refused", "{latest,dev-*}")
    for tag in ("latest", "dev-1"):
        error = refused(instance.registry, "team/web", tag)
        assert error.code.status == 403
        assert tag in error.code.meaning
    image(instance.registry, "team/web", "1.0")
    image(instance.registry, "other/web", "latest")
    raw = instance.registry.manifest("team/web", "first")
    with pytest.raises(WireError, match="DENIED"):
        instance.registry.put_manifest("team/web", "fine", raw.raw, raw.media_type, ["latest"])
    with pytest.raises(WireError, match="MANIFEST_UNKNOWN"):
        instance.registry.manifest("team/web", "fine")


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("semver", ["1.2.3", "v0.0.1", "1.0.0-rc.1", "1.0.0-x-y.7"], ["1", "1.2", "01.0.0", "1.0.0-01", "x1.0.0"]),
        ("git-sha", ["a1b2c3d", "f" * 40, "0" * 64], ["A1B2C3D", "abc", "f" * 41, "g" * 40]),
        ("release-*", ["release-1"], ["1"]),
    ],
)
def test_tags_need_the_form_that_the_project_requires(
    instance: Instance, form: str, good: list[str], bad: list[str]
) -> None:
    rule = tag_rules.add(instance.database, "team", "required", form)
    for tag in good:
        image(instance.registry, "team/web", tag)
    for tag in bad:
        assert f"rule {rule.number}" in refused(instance.registry, "team/web", tag).code.meaning
    tag_rules.add(instance.database, "team", "required", "nightly")
    image(instance.registry, "team/web", "nightly")  # one of several forms will do


def test_rules_that_cannot_be_are_refused(instance: Instance) -> None:
    with pytest.raises(tag_rules.ProjectRuleInvalidError):
        tag_rules.add(instance.database, "team", "forbidden", "x")
    with pytest.raises(ProjectUnknownError):
        tag_rules.add(instance.database, "nobody", "refused", "x")
    with pytest.raises(tag_rules.ProjectRuleUnknownError):
        tag_rules.remove(instance.database, "team", 999)
    assert tag_rules.listed(instance.database, "team") == []


def test_a_quota_counts_every_blob_once_and_says_what_is_used(instance: Instance) -> None:
    registry = instance.registry
    before = quota.quotas(instance.database)[0].used
    assert before == len(b"layer") + len(b"{}")
    quota.set_quota(instance.database, "team", before + 100)
    blob(registry, "team/web", b"x" * 60)
    blob(registry, "team/api", b"x" * 60)  # the project has it already
    with pytest.raises(WireError) as caught:
        blob(registry, "team/web", b"y" * 50)
    assert caught.value.code.name == "DENIED"
    assert f"uses {before + 60} of {before + 100} bytes; this blob would add 50" in caught.value.code.meaning
    assert list((Path(instance.folder) / "uploads").iterdir()) == []
    deleting.collect(registry.holdings)
    assert not registry.holdings.blobs.exists(Digest.of(b"y" * 50)), "what was refused takes no room"
    blob(registry, "other/web", b"y" * 50)
    with pytest.raises(WireError, match="DENIED"):
        registry.mount("team/web", Digest.of(b"y" * 50), "other/web")
    blob(registry, "team/web", b"z" * 35)
    with instance.database.read() as connection:
        query = select(EVENT.c.detail).where(EVENT.c.kind == "quota.warning")
        assert len(connection.execute(query).all()) == 1
    assert quota.quotas(instance.database)[1] == quota.Quota("team", before + 95, before + 100)
    quota.set_quota(instance.database, "team", None)
    blob(registry, "team/web", b"y" * 50)
    with pytest.raises(quota.QuotaInvalidError):
        quota.set_quota(instance.database, "team", 0)


def test_a_new_project_has_the_quota_of_the_settings_whoever_makes_it(tmp_path: Path) -> None:
    instance = open_instance(Settings(storage=str(tmp_path / "bound"), project_quota=1000))
    try:
        blob(instance.registry, "team/web", b"a" * 900)
        with pytest.raises(WireError, match="uses 900 of 1000 bytes"):
            blob(instance.registry, "team/web", b"b" * 900)
        with pytest.raises(WireError, match="uses 0 of 1000 bytes"):
            blob(instance.registry, "other/web", b"c" * 1001)
        call = Caller(instance.app, "127.0.0.1")
        home = {"host": "localhost", "content-type": "application/json"}
        for sent, most in (({"name": "made"}, 1000), ({"name": "larger", "quota": 5000}, 5000)):
            made = call("POST", "/api/v1/projects", body=json.dumps(sent).encode(), headers=home)
            assert made.document["quota"] == most
        assert quota.set_quota(instance.database, "team", None).most is None
        blob(instance.registry, "team/web", b"b" * 900)
    finally:
        instance.close()


def test_what_is_refused_is_noted_with_its_reason_and_not_over_and_over(instance: Instance) -> None:
    tag_rules.add(instance.database, "team", "immutable", "v*")
    image(instance.registry, "team/web", "v1", note="one")
    for _ in range(3):
        refused(instance.registry, "team/web", "v1", "two")
        with pytest.raises(WireError):
            instance.registry.delete_manifest("team/web", "v1")
    quota.set_quota(instance.database, "team", 10)
    with pytest.raises(WireError):
        blob(instance.registry, "team/web", b"more than ten bytes")
    with instance.database.read() as connection:
        query = select(EVENT.c.kind, EVENT.c.repository, EVENT.c.reference, EVENT.c.digest, EVENT.c.detail)
        rows = connection.execute(query.where(EVENT.c.kind.like("%.refused")).order_by(EVENT.c.id)).all()
    digest = str(Digest.of(b"more than ten bytes"))
    assert [tuple(row[:4]) for row in rows] == [
        ("push.refused", "team/web", "v1", ""),
        ("delete.refused", "team/web", "v1", ""),
        ("push.refused", "team/web", "", digest),
    ]
    assert "immutable by rule 1" in rows[0][4]
    assert "uses" in rows[2][4]
    assert "of 10 bytes" in rows[2][4]
