"""The IDs that a user has for a namespace of his own."""

from pathlib import Path

from dockyard.runtime.namespace import Range, subordinate


def test_ranges_by_name_and_by_number_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "subuid").write_text(
        "joe:100000:65536\nann:200000:65536\n1000:300000:10\n# a remark\njoe:x:5\nbroken\njoe:400000:5\n"
    )
    assert subordinate("uid", "joe", 1000, tmp_path) == [
        Range(1, 100000, 65536),
        Range(65537, 300000, 10),
        Range(65547, 400000, 5),
    ]
    assert subordinate("uid", "eve", 1001, tmp_path) == []
    assert subordinate("gid", "joe", 1000, tmp_path) == []
