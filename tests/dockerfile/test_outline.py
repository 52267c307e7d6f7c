"""What a stage takes from whoever builds it."""

from dockyard.dockerfile.outline import outline
from dockyard.dockerfile.parser import parse


def test_from_knows_a_stage_by_its_name_in_lower_case_only() -> None:
    text = "ARG B=one\nFROM scratch AS One\nARG A\nFROM $B AS two\nFROM One AS three\nFROM 0"
    file = parse(text)
    assert [each["name"] for each in outline(file, "two")["args"]] == ["B", "A"]
    assert outline(file, "three")["args"] == outline(file, "")["args"] == []
