"""The build cache between machines: two data folders that share nothing but the artifact."""

from pathlib import Path

import pytest

from dockyard.build.build import step_cache
from dockyard.build.exchange import CACHE_TYPE, INLINE_KEY, CacheInvalidError, exported, imported
from dockyard.build.options import Options
from dockyard.content.copy import copy
from making.builds import Yard
from making.images import synthesize

TEXT = "FROM scratch AS one\nCOPY a /a\nFROM scratch\nWORKDIR /w\nCOPY --from=one /a /x\nCOPY b .\nENV X=1\n"


@pytest.fixture
def yards(tmp_path: Path) -> tuple[Yard, Yard]:
    both = Yard(tmp_path / "here"), Yard(tmp_path / "there")
    for yard in both:
        yard.write({"a": "1", "b": "2"})
    return both


def sent(here: Yard, there: Yard, mode: str) -> int:
    built = here.build(TEXT)
    image = [layer.descriptor.digest for layer in built.image.layers]
    mounts = here.data / "cache" / "mounts" / "abc" / "0"
    mounts.mkdir(parents=True, exist_ok=True)
    (mounts / "downloaded").write_text("once")
    artifact = exported(here.store, built.cache, image=image, mode=mode, mounts={"id": mounts})  # type: ignore[arg-type]
    copy(here.store, there.store, artifact)
    cache = step_cache(there.data, there.store, Options())
    return imported(there.store, cache, artifact, there.data / "cache" / "mounts")


def test_what_another_machine_built_is_not_built_again(yards: tuple[Yard, Yard]) -> None:
    here, there = yards
    assert sent(here, there, "max") > 4
    blobs = there.blobs()
    built = there.build(TEXT)
    assert all(step.cached for step in built.steps)
    assert built.image.descriptor.digest == here.build(TEXT).image.descriptor.digest
    assert {name for name in there.blobs() if name not in blobs} == {
        built.image.descriptor.digest.hex,
        built.image.manifest.config.digest.hex,
    }
    assert (there.data / "cache" / "mounts" / "abc" / "0" / "downloaded").read_text() == "once"


def test_the_least_is_what_the_image_itself_has(yards: tuple[Yard, Yard]) -> None:
    here, there = yards
    few, many = sent(here, there, "min"), sent(here, there, "max")
    assert few < many


def test_something_else_is_refused(yards: tuple[Yard, Yard]) -> None:
    _, there = yards
    image = synthesize(there.store)
    cache = step_cache(there.data, there.store, Options())
    with pytest.raises(CacheInvalidError, match="not a build cache"):
        imported(there.store, cache, image.descriptor, there.data)
    bad = there.store.add(CACHE_TYPE, b'{"steps": [{"key": "../../x", "created": ""}]}')
    from dockyard.oci.manifest import encode
    from dockyard.oci.mediatype import OCI_MANIFEST

    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": bad.to_json(), "layers": []}
    with pytest.raises(CacheInvalidError, match="key"):
        imported(there.store, cache, there.store.add(OCI_MANIFEST, encode(document)), there.data)


def test_a_cache_travels_inside_the_image(yards: tuple[Yard, Yard]) -> None:
    here, there = yards
    built = here.build(TEXT, inline=True)
    assert INLINE_KEY in built.image.config.document
    copy(here.store, there.store, built.image.descriptor)
    cache = step_cache(there.data, there.store, Options())
    assert imported(there.store, cache, built.image.descriptor, there.data / "cache" / "mounts") >= 4
    again = there.build(TEXT, inline=True)
    ran = [step.text for step in again.steps if not step.cached]
    assert ran == ["COPY a /a"]  # its stage left no layer in the image
    assert again.image.descriptor.digest == built.image.descriptor.digest
    assert INLINE_KEY not in here.build(TEXT).image.config.document
