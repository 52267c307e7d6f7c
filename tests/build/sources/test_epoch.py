"""SOURCE_DATE_EPOCH as seconds, and as the name of what has a time."""

import os
from pathlib import Path

import pytest

from dockyard.build.sources.epoch import EpochUnknownError, Names, settled
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import stages
from dockyard.progress import SILENT
from making.builds import Yard
from making.images import image, layer

_SOURCE = "FROM scratch AS when\n{}\nFROM scratch\n"


def names(text: str, value: str, *, made: int | None = None, **contexts: str) -> Names:
    _, found = stages(parse(text.encode()))
    return Names(made, contexts, found, {"SOURCE_DATE_EPOCH": value}, {"SOURCE_DATE_EPOCH": "1"}, "\\")


@pytest.mark.parametrize(("value", "made", "epoch"), [("12", None, 12), ("context", 34, 34), ("context", None, None)])
def test_numbers_and_the_context_are_known(tmp_path: Path, value: str, made: int | None, epoch: int | None) -> None:
    asked = names("FROM scratch\n", value, made=made)
    assert settled(asked, tmp_path, SILENT) == epoch
    assert asked.given == asked.values == ({} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)})


def test_a_named_folder_has_no_time(tmp_path: Path) -> None:
    assert settled(names("FROM scratch\n", "other", other=str(tmp_path)), tmp_path, SILENT) is None


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "ADD one /",
        "ADD https://h/a https://h/b /",
        "ADD https://h/a /\nADD https://h/b /",
        "LABEL a=b",
        "ADD <<A /\nA",
    ],
)
def test_a_stage_that_is_more_than_one_remote_source_is_refused(tmp_path: Path, lines: str) -> None:
    with pytest.raises(EpochUnknownError):
        settled(names(_SOURCE.format(lines), "when"), tmp_path, SILENT)


def test_what_is_no_name_is_refused_and_a_label_sees_the_seconds(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    text = "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=${SOURCE_DATE_EPOCH-none}\n"
    with pytest.raises(EpochUnknownError):
        yard.build(text, build_args={"SOURCE_DATE_EPOCH": "tomorrow"})
    built = yard.build(text, build_args={"SOURCE_DATE_EPOCH": "context"}, made=7).image
    assert built.config.execution["Labels"] == {"e": "7"}
    assert built.config.document["created"] == "1970-01-01T00:00:07Z"


def test_a_build_without_an_epoch_takes_nothing_whose_times_another_build_cut(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.write({"a": "1"})
    os.utime(yard.context / "a", (1_600_000_000, 1_600_000_000))
    text = "FROM scratch\nARG X\nCOPY a /a\n"

    def made(epoch: int | None) -> int:
        found = yard.build(text, epoch=epoch).image.tree().get("a")
        assert found is not None
        return found.entry.mtime

    early, late = 1_500_000_000, 1_600_000_000
    assert [made(early), made(None), made(early)] == [early, late, early]


def test_an_image_with_nothing_of_its_own_keeps_its_base_s_time(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    base = image(yard.store, layer(yard.store, {"f": b"1"}))
    yard.store.tag("docker.io/library/base:1", base.descriptor)
    for text, created in (
        ("FROM base:1\n", base.config.document["created"]),
        ("FROM base:1\nLABEL a=b\n", "1970-01-01T00:00:07Z"),
    ):
        built = yard.build(text, build_args={"SOURCE_DATE_EPOCH": "7"}).image
        assert built.config.document["created"] == created
