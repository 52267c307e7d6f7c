"""What is deleted goes, what somebody needs stays."""

from pathlib import Path

import pytest

from dockyard.oci.digest import Digest
from dockyard.registry.interface import WireError
from dockyard.server.rules import tag_rules
from dockyard.server.stored import deleting, linking, removing, verify
from making.pushed import blob, image, index, opened


def test_a_blob_is_collected_only_when_no_repository_needs_it(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        registry, holdings = instance.registry, instance.registry.holdings
        one = image(registry, "team/a", "1", [b"shared", b"mine"])
        image(registry, "team/b", "1", [b"shared"])
        deleting.collect(holdings)
        assert holdings.blobs.exists(Digest.of(b"mine"))
        registry.delete_manifest("team/a", str(one))
        done = deleting.collect(holdings)
        assert done.blobs == 1
        assert done.bytes == len(b"mine")
        assert not holdings.blobs.exists(Digest.of(b"mine"))
        assert holdings.blobs.exists(Digest.of(b"shared"))
        assert verify.verify(holdings, deep=True).whole


def test_what_was_asked_for_lately_is_not_collected(tmp_path: Path) -> None:
    with opened(tmp_path, grace=3600) as instance:
        registry, holdings = instance.registry, instance.registry.holdings
        one = image(registry, "team/a", "1", [b"mine"])
        registry.delete_manifest("team/a", str(one))
        assert deleting.collect(holdings).seen == 0
        holdings.database.write(lambda c: linking.watch(holdings.database, c, [str(Digest.of(b"mine"))], 0))
        assert deleting.collect(holdings) == (1, 0, 0)
        image(registry, "team/a", "2", [b"mine"])
        assert verify.verify(holdings).whole


def test_a_blob_that_goes_while_somebody_looks_is_said_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, grace=0) as instance:
        registry, holdings = instance.registry, instance.registry.holdings
        digest = blob(registry, "team/a", b"idle")
        touch = linking._touch

        def late(*words: object) -> bool:
            # The writer's thread runs this: collecting has committed by then.
            return touch(*words)  # type: ignore[arg-type]

        original = holdings.database.write

        def write(work: object) -> object:
            monkeypatch.setattr(holdings.database, "write", original)
            deleting.collect(holdings)
            return original(work)  # type: ignore[arg-type]

        monkeypatch.setattr(linking, "_touch", late)
        monkeypatch.setattr(holdings.database, "write", write)
        import time

        time.sleep(0.005)
        with pytest.raises(WireError, match="BLOB_UNKNOWN"):
            registry.blob("team/a", digest)


def test_a_manifest_that_an_index_names_stays_until_the_index_goes(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        registry = instance.registry
        child = image(registry, "team/a", "child")
        whole = index(registry, "team/a", "1", [child])
        with pytest.raises(WireError, match="DENIED") as caught:
            registry.delete_manifest("team/a", str(child))
        assert (caught.value.code.name, caught.value.code.status) == ("DENIED", 405)
        registry.delete_manifest("team/a", "child")
        registry.delete_manifest("team/a", str(whole))
        registry.delete_manifest("team/a", str(child))
        deleting.collect(registry.holdings)
        assert verify.verify(registry.holdings).blobs == 0


def test_removing_a_repository_frees_only_what_it_alone_had(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        registry, holdings = instance.registry, instance.registry.holdings
        image(registry, "team/a", "1", [b"shared", b"mine"])
        blob(registry, "team/a", b"uploaded only")
        image(registry, "team/b", "1", [b"shared"])
        removing.repository(holdings, "team/a")
        with pytest.raises(WireError, match="NAME_UNKNOWN"):
            registry.tags("team/a", last="", count=10)
        assert verify.verify(holdings).whole
        deleting.collect(holdings)
        report = verify.verify(holdings, deep=True)
        assert report.whole
        assert report.blobs == 2  # the shared layer and the config
        with pytest.raises(WireError, match="NAME_UNKNOWN"):
            removing.repository(holdings, "team/a")


def test_a_project_goes_with_its_repositories_only_when_told_so(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        registry, holdings = instance.registry, instance.registry.holdings
        for number in range(3):
            image(registry, f"team/{number}", "1", [b"shared", str(number).encode()])
        with pytest.raises(WireError, match="has 3 repositories"):
            removing.project(holdings, "team")
        rule = tag_rules.add(holdings.database, "team", "immutable", "1", "2")
        with pytest.raises(WireError, match="immutable"):
            removing.project(holdings, "team", force=True)
        tag_rules.remove(holdings.database, "team", rule.number)
        assert removing.project(holdings, "team", force=True) == ["team/2"]
        with pytest.raises(WireError, match="there is no project"):
            removing.project(holdings, "team")
        deleting.collect(holdings)
        report = verify.verify(holdings)
        assert report.whole
        assert report.blobs == report.files == 0
