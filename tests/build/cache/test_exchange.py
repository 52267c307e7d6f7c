"""The build cache between machines: two data folders that share nothing but the artifact."""

import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dockyard.build.build import BuildResult
from dockyard.build.cache.cache import StepCache
from dockyard.build.cache.exchange import CACHE_TYPE, INLINE_KEY, CacheInvalidError, exported, imported
from dockyard.build.ground import step_cache
from dockyard.build.lazy.lent import fetching
from dockyard.build.options import Options
from dockyard.content.copy import copy
from dockyard.content.layout import Layout
from dockyard.content.store import read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, encode
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.progress import SILENT
from making.builds import Yard, facts
from making.images import synthesize

TEXT = "FROM scratch AS one\nCOPY a /a\nFROM scratch\nWORKDIR /w\nCOPY --from=one /a /x\nCOPY b .\nENV X=1\n"


@pytest.fixture
def yards(tmp_path: Path) -> tuple[Yard, Yard]:
    both = Yard(tmp_path / "here"), Yard(tmp_path / "there")
    for yard in both:
        yard.write({"a": "1", "b": "2"})
    return both


class Asked:
    """A store that notes what is read from it."""

    def __init__(self, store: Layout) -> None:
        self.store = store
        self.opened: list[Digest] = []

    def open(self, target: Descriptor) -> BinaryIO:
        self.opened.append(target.digest)
        return self.store.open(target)

    def exists(self, target: Descriptor) -> bool:
        return self.store.exists(target)


def sent(here: Yard, place: Asked, mode: str, text: str = TEXT, **options: Any) -> Descriptor:
    """Build, and send the cache to a place."""
    built = here.build(text, portable=True, **options)
    image = [layer.descriptor.digest for layer in built.image.layers]
    mounts = here.data / "cache" / "mounts" / "abc" / "0"
    mounts.mkdir(parents=True, exist_ok=True)
    (mounts / "downloaded").write_text("once")
    artifact = exported(here.store, built.cache, image=image, mode=mode, mounts={"id": mounts})  # type: ignore[arg-type]
    copy(here.store, place.store, artifact)
    return artifact


def taken(there: Yard, place: Asked, artifact: Descriptor) -> StepCache:
    """A cache with what a place has."""
    cache = step_cache(there.data, there.store, Options())
    assert imported(place, cache, artifact, fetching(there.store, place, SILENT)) > 4
    return cache


@pytest.fixture
def place(tmp_path: Path) -> Asked:
    return Asked(Layout(tmp_path / "place", create=True))


def layers_asked(place: Asked, artifact: Descriptor) -> set[Digest]:
    manifest = Manifest(read(place.store, artifact), artifact.media_type)
    return set(place.opened) & {layer.digest for layer in manifest.layers}


@pytest.mark.parametrize("mode", ["min", "max"])
def test_what_another_machine_built_is_not_built_again_nor_fetched_but_for_the_result(
    yards: tuple[Yard, Yard], place: Asked, mode: str
) -> None:
    here, there = yards
    artifact = sent(here, place, mode)
    built = there.build(TEXT, cache=taken(there, place, artifact))
    assert all(step.cached for step in built.steps)
    assert built.image.descriptor.digest == here.build(TEXT).image.descriptor.digest
    assert layers_asked(place, artifact) == {layer.descriptor.digest for layer in built.image.layers}
    assert all(step.cached for step in there.build(TEXT).steps)  # known from now on, without the cache


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_stage_is_carried_out_where_what_it_had_made_is_needed_and_not_there(
    yards: tuple[Yard, Yard], place: Asked, mode: str
) -> None:
    here, there = yards
    artifact = sent(here, place, mode)
    changed = TEXT.replace("/a /x", "/a /other")
    built = there.build(changed, cache=taken(there, place, artifact))
    ran = [step.text for step in built.steps if not step.cached]
    assert ran == [*(["COPY a /a"] if mode == "min" else []), "COPY --from=one /a /other", "COPY b .", "ENV X=1"]
    assert timeless(built) == timeless(here.build(changed))


def timeless(built: BuildResult) -> dict[str, tuple[object, ...]]:
    """The files without their times, which are those of the build."""
    return {path: (*each[:5], each[6]) for path, each in facts(built.image.tree()).items()}


def test_a_layer_that_has_gone_from_where_the_cache_was_is_made_again(yards: tuple[Yard, Yard], place: Asked) -> None:
    here, there = yards
    artifact = sent(here, place, "max")
    cache = taken(there, place, artifact)
    for layer in Manifest(read(place.store, artifact), artifact.media_type).layers:
        place.store.delete(layer.digest)
    built = there.build(TEXT, cache=cache)
    assert {step.text.split()[0] for step in built.steps if not step.cached} == {"WORKDIR", "COPY"}
    assert timeless(built) == timeless(here.build(TEXT))


def test_a_stage_on_a_stage_whose_layers_are_gone_begins_with_that_one(yards: tuple[Yard, Yard]) -> None:
    here, _ = yards
    text = "FROM scratch AS one\nCOPY a /a\nFROM one AS two\nCOPY b /b\nFROM scratch\nCOPY --from=two / /\n"
    first = here.build(text)
    assert len(first.image.layers) == 1
    kept = first.image.layers[0].descriptor.digest
    for digest in list(here.store.walk()):
        if digest not in (kept, first.image.manifest.config.digest, first.image.descriptor.digest):
            here.store.delete(digest)
    assert all(step.cached for step in here.build(text).steps)  # nothing asks for what the stages had made
    shutil.rmtree(here.data / "index")
    again = here.build(text.replace("/ /\n", "/ /c/\n"))
    assert not any(step.cached for step in again.steps)
    assert [node.path for node in again.image.tree().walk()] == ["", "c", "c/a", "c/b"]


def test_a_cache_is_sent_on_without_a_copy_of_it(yards: tuple[Yard, Yard], place: Asked, tmp_path: Path) -> None:
    here, there = yards
    artifact = sent(here, place, "max")
    cache = taken(there, place, artifact)
    built = there.build(TEXT, portable=True, cache=cache)
    image = [layer.descriptor.digest for layer in built.image.layers]
    again = exported(there.store, built.cache, image=image, mode="max", mounts={})
    before = Manifest(read(place.store, artifact), artifact.media_type)
    after = Manifest(read(there.store, again), again.media_type)
    assert {each.digest for each in after.layers} < {each.digest for each in before.layers}
    assert len(after.layers) == 4  # but for the cache mount, which no step used
    further = Layout(tmp_path / "further", create=True)
    copy(cache.offers, further, again)
    assert all(further.exists(layer) for layer in after.layers)
    assert sum(there.store.exists(layer) for layer in after.layers) == 3


def test_times_count_in_a_copy_that_is_known_by_its_content_where_there_is_an_epoch(
    yards: tuple[Yard, Yard], place: Asked
) -> None:
    here, there = yards
    text = "FROM scratch AS one\nCOPY a /a\nCOPY b /b\nFROM scratch\nCOPY --from=one /b /b\n"
    for yard in yards:
        os.utime(yard.context / "b", (1_000, 1_000))
    artifact = sent(here, place, "min", text, epoch=2_000)
    os.utime(there.context / "b", (1_500, 1_500))
    built = there.build(text, epoch=2_000, cache=taken(there, place, artifact))
    assert built.image.tree().get("b").entry.mtime == 1_500  # type: ignore[union-attr]


def test_the_least_is_what_the_image_itself_has(yards: tuple[Yard, Yard], place: Asked) -> None:
    here, _ = yards
    few, many = (
        Manifest(read(place.store, each), each.media_type)
        for each in (sent(here, place, "min"), sent(here, place, "max"))
    )
    assert len(few.layers) < len(many.layers)


def test_something_else_is_refused(yards: tuple[Yard, Yard]) -> None:
    _, there = yards
    image = synthesize(there.store)
    cache = step_cache(there.data, there.store, Options())
    bring = fetching(there.store, there.store, SILENT)
    with pytest.raises(CacheInvalidError, match="not a build cache"):
        imported(there.store, cache, image.descriptor, bring)
    bad = there.store.add(CACHE_TYPE, b'{"steps": [{"key": "../../x", "created": ""}]}')
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": bad.to_json(), "layers": []}
    with pytest.raises(CacheInvalidError, match="key"):
        imported(there.store, cache, there.store.add(OCI_MANIFEST, encode(document)), bring)


def test_what_a_cache_is_called_stays_as_earlier_versions_wrote_it() -> None:
    assert (CACHE_TYPE, INLINE_KEY) == ("application/vnd.dockyard.build.cache.v1+json", "dockyard.build.cache.v1")


def test_a_cache_travels_inside_the_image(yards: tuple[Yard, Yard], place: Asked) -> None:
    here, there = yards
    built = here.build(TEXT, inline=True, portable=True)
    assert INLINE_KEY in built.image.config.document
    copy(here.store, place.store, built.image.descriptor)
    again = there.build(TEXT, inline=True, portable=True, cache=taken(there, place, built.image.descriptor))
    assert all(step.cached for step in again.steps)
    assert again.image.descriptor.digest == built.image.descriptor.digest
    assert INLINE_KEY not in here.build(TEXT).image.config.document
