"""How many layers an image gets and how they are compressed: the files and the base stay the same."""

import os
from pathlib import Path
from typing import Any

import pytest

from dockyard.oci.mediatype import OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD
from making.builds import Yard
from making.images import image, layer

TEXT = "FROM base:1 AS one\nCOPY a /a\nCOPY b /b\nFROM one\nWORKDIR /w\nCOPY a b /w/\nENV X=1\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"a": "1", "b": "2"})
    made = image(yard.store, layer(yard.store, {"x": b"x"}), layer(yard.store, {"y": b"y"}))
    yard.store.tag("docker.io/library/base:1", made.descriptor)
    return yard


def files(yard: Yard, **options: Any) -> dict[str, bytes]:
    tree = yard.build(TEXT, **options).image.tree()
    return {node.path: tree.read(node.path) for node in tree.walk() if node.entry.kind == "file"}


@pytest.mark.parametrize(("how", "count"), [("instruction", 6), ("stage", 4), ("squash", 3), ("auto", 3)])
def test_layers_are_merged_above_the_base(yard: Yard, how: str, count: int) -> None:
    plain = yard.build(TEXT).image
    built = yard.build(TEXT, layers=how).image
    assert files(yard, layers=how) == files(yard)
    assert len(built.layers) == count
    assert [each.descriptor for each in built.layers[:2]] == [each.descriptor for each in plain.layers[:2]]
    assert sum(not item.get("empty_layer") for item in built.config.history) == count
    assert yard.build(TEXT, layers=how).image.descriptor.digest == built.descriptor.digest


@pytest.mark.parametrize(
    ("compression", "media_type"), [("gzip", OCI_LAYER_GZIP), ("zstd", OCI_LAYER_ZSTD), ("none", OCI_LAYER)]
)
def test_new_layers_are_compressed_as_wished(yard: Yard, compression: str, media_type: str) -> None:
    first = yard.build(TEXT)
    built = yard.build(TEXT, compression=compression, level="dense")
    assert {each.descriptor.media_type for each in built.image.layers[2:]} == {media_type}
    assert [each.diff_id for each in built.image.layers[:2]] == [each.diff_id for each in first.image.layers[:2]]
    assert files(yard, compression=compression) == files(yard)
    assert all(step.cached for step in yard.build(TEXT, compression=compression, level="dense").steps)


@pytest.mark.parametrize(("compression", "level"), [("gzip", "dense"), ("zstd", "fast"), ("none", "fast")])
def test_another_compression_runs_no_step_again_and_gives_what_a_fresh_build_gives(
    yard: Yard, tmp_path: Path, compression: str, level: str
) -> None:
    text = "FROM scratch AS one\nCOPY tree /t\nFROM scratch\nCOPY --from=one /t /u\nWORKDIR /w\n"
    yard.write({f"tree/f{number}": os.urandom(number * 977) for number in range(60)})
    yard.write({"tree/large": os.urandom(3 << 20)})
    wish: dict[str, Any] = {"compression": compression, "level": level, "epoch": 1_700_000_000}
    plain = yard.build(text, epoch=1_700_000_000)
    again = yard.build(text, **wish)
    assert all(step.cached for step in again.steps)
    fresh = Yard(tmp_path / "fresh")
    fresh.context = yard.context
    assert again.image.descriptor == fresh.build(text, **wish).image.descriptor
    assert again.image.descriptor != plain.image.descriptor
    # And back: the digest depends on what is asked for, not on what was built before.
    assert yard.build(text, epoch=1_700_000_000).image.descriptor == plain.image.descriptor
