"""Stages, and finding them by name."""

import pytest

from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import StageUnknownError, find_stage, stages, target_stage

TEXT = "ARG V=1\nFROM alpine:$V AS Build\nRUN a\nFROM scratch\nCOPY --from=build a b\nFROM build AS test\n"


def test_stages_begin_at_from_and_global_arguments_stand_before() -> None:
    arguments, found = stages(parse(TEXT))
    assert [each.pairs for each in arguments] == [(("V", "1"),)]
    assert [(each.number, each.title, each.base, len(each.instructions)) for each in found] == [
        (0, "build", "alpine:$V", 1),
        (1, "1", "scratch", 1),
        (2, "test", "build", 0),
    ]


def test_stages_are_found_by_name_in_any_case_and_by_number() -> None:
    _, found = stages(parse(TEXT))
    assert find_stage(found, "BUILD") is found[0]
    assert find_stage(found, "1") is found[1]
    assert find_stage(found, "test", before=2) is None
    assert target_stage(found, "") is found[2]


def test_an_unknown_target_is_refused_with_the_nearest_name() -> None:
    _, found = stages(parse(TEXT))
    with pytest.raises(StageUnknownError) as caught:
        target_stage(found, "biuld")
    assert "build" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"), [("RUN a\nFROM b", "RUN stands before FROM"), ("ARG a", "there is no FROM")]
)
def test_a_file_has_to_begin_with_from(text: str, message: str) -> None:
    with pytest.raises(DockerfileInvalidError, match=message):
        stages(parse(text))
