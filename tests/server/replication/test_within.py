"""Copying an image from one repository to another of the same registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.oci.digest import Digest
from dockyard.policy.settings import Policy
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.audit.read import Wanted, every
from dockyard.server.instance import Instance
from dockyard.server.replication.within import CopyInvalidError, CopyTakenError, copy
from dockyard.server.rules import quota, tag_rules
from dockyard.server.stored.verify import verify
from dockyard.server.trust.settings import ProjectPolicy, set_policy
from making.pushed import image, index, opened

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(tmp_path: Path, address: str) -> Iterator[Instance]:
    with opened(tmp_path, database=address) as made:
        yield made


def at(instance: Instance, name: str, reference: str) -> Digest:
    return instance.registry.manifest(name, reference).digest


def test_platforms_and_what_refers_to_them_come_along_and_no_byte_is_written(
    instance: Instance, tmp_path: Path
) -> None:
    registry = instance.registry
    one, two = image(registry, "team/web", note="one"), image(registry, "team/web", note="two")
    both = index(registry, "team/web", "1", [one, two])
    sbom = image(registry, "team/web", note="sbom", subject=one)
    signature = str(both).replace(":", "-") + ".sig"
    image(registry, "team/web", signature, note="signature")
    files = sorted((each, each.stat().st_mtime_ns) for each in (tmp_path / "blobs").rglob("*") if each.is_file())
    assert files
    done = copy(registry, instance.gate, "team/web", "1", "prod/web", "blue")
    assert (done.digest, done.tag, done.manifests) == (str(both), "blue", 5)
    assert at(instance, "prod/web", "blue") == both
    assert at(instance, "prod/web", signature) == at(instance, "team/web", signature)
    found = registry.referrers("prod/web", one, artifact_type="", last="", count=9)
    assert [each.digest for each in found.items] == [sbom]
    after = sorted((each, each.stat().st_mtime_ns) for each in (tmp_path / "blobs").rglob("*") if each.is_file())
    assert after == files
    assert verify(registry.holdings, deep=True).whole
    again = copy(registry, instance.gate, "team/web", "1", "prod/web", "blue")
    assert (again.manifests, again.tags) == (0, 0)


def test_a_digest_is_copied_without_a_tag_and_a_tag_keeps_its_name(instance: Instance) -> None:
    one = image(instance.registry, "team/web", "1")
    assert copy(instance.registry, instance.gate, "team/web", str(one), "prod/a").tag == ""
    assert list(instance.registry.tags("prod/a", last="", count=9).items) == []
    assert copy(instance.registry, instance.gate, "team/web", "1", "prod/b").tag == "1"
    told = [(each.kind, each.repository, each.reference) for each in every(instance.database, Wanted(kind="image.*"))]
    assert told == [("image.copy", "prod/a", ""), ("image.copy", "prod/b", "1")]


def test_a_tag_that_leads_elsewhere_is_moved_only_where_that_is_said(instance: Instance) -> None:
    one = image(instance.registry, "team/web", "1", note="one")
    two = image(instance.registry, "prod/web", "1", note="two")
    with pytest.raises(CopyTakenError):
        copy(instance.registry, instance.gate, "team/web", "1", "prod/web")
    assert at(instance, "prod/web", "1") == two
    copy(instance.registry, instance.gate, "team/web", "1", "prod/web", override=True)
    assert at(instance, "prod/web", "1") == one


def test_the_source_s_policy_and_the_target_s_rules_and_quota_hold(instance: Instance) -> None:
    registry = instance.registry
    image(registry, "team/web", "latest", [b"x" * 5000])
    image(registry, "prod/web", "1")
    tag_rules.add(instance.database, "prod", "refused", "latest")
    with pytest.raises(WireError, match="refused"):
        copy(registry, instance.gate, "team/web", "latest", "prod/web")
    assert [each.kind for each in every(instance.database, Wanted(repository="prod/web"))] == ["push"]
    quota.set_quota(instance.database, "prod", 100)
    with pytest.raises(WireError) as caught:
        copy(registry, instance.gate, "team/web", "latest", "prod/api", "1")
    assert caught.value.code.name == codes.DENIED.name
    set_policy(instance.database, "team", ProjectPolicy(Policy(require=["non-root"])))
    instance.gate.forget()
    quota.set_quota(instance.database, "prod", None)
    with pytest.raises(WireError, match="policy denies"):
        copy(registry, instance.gate, "team/web", "latest", "prod/api", "1")
    assert registry.repositories(last="", count=9).items == ["prod/web", "team/web"]


@pytest.mark.parametrize(("target", "tag"), [("Prod/web", ""), ("", ""), ("prod//web", ""), ("prod/web", "a b")])
def test_what_can_be_no_target_is_refused(instance: Instance, target: str, tag: str) -> None:
    image(instance.registry, "team/web", "1")
    with pytest.raises(CopyInvalidError):
        copy(instance.registry, instance.gate, "team/web", "1", target, tag)
