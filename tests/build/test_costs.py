"""What steps cost, kept for advice."""

from pathlib import Path

import pytest

from dockyard.build.costs import StepCost, keep, kept
from dockyard.build.tools import StepReport
from dockyard.cli.lint import measure
from dockyard.dockerfile.parser import parse
from making.builds import Yard

PLACE = "/context\0/context/Dockerfile"


def report(text: str, seconds: float, *, cached: bool = False, size: int = 5) -> StepReport:
    return StepReport(1, text, cached, seconds, size)


def test_a_step_from_the_cache_keeps_what_it_cost_when_it_ran(tmp_path: Path) -> None:
    keep(tmp_path, PLACE, "build", [report("RUN a", 40.0), report("RUN b", 1.0)])
    keep(tmp_path, PLACE, "build", [report("RUN a", 0.01, cached=True), report("RUN b", 2.0)])
    assert kept(tmp_path, PLACE) == {("build", "RUN a"): StepCost(40.0, 5), ("build", "RUN b"): StepCost(2.0, 5)}


def test_stages_and_places_are_told_apart(tmp_path: Path) -> None:
    keep(tmp_path, PLACE, "0", [report("RUN a", 1.0)])
    keep(tmp_path, PLACE, "1", [report("RUN a", 2.0)])
    assert [each.seconds for each in kept(tmp_path, PLACE).values()] == [1.0, 2.0]
    assert kept(tmp_path, "/other\0/context/Dockerfile") == {}


def test_a_damaged_record_is_no_record(tmp_path: Path) -> None:
    keep(tmp_path, PLACE, "0", [report("RUN a", 1.0)])
    (path,) = (tmp_path / "cache" / "costs").iterdir()
    path.write_bytes(b"{")
    assert kept(tmp_path, PLACE) == {}
    keep(tmp_path, PLACE, "0", [report("RUN b", 1.0)])
    assert list(kept(tmp_path, PLACE)) == [("0", "RUN b")]


def test_the_record_does_not_grow_without_end(tmp_path: Path) -> None:
    keep(tmp_path, PLACE, "0", [report(f"RUN {number}", 1.0) for number in range(3000)])
    keep(tmp_path, PLACE, "0", [report("RUN last", 1.0)])
    found = kept(tmp_path, PLACE)
    assert len(found) == 2000
    assert ("0", "RUN last") in found


def test_lint_finds_what_a_build_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard(tmp_path)
    yard.write({"a": "x" * 1000})
    text = "FROM scratch AS all\n# why\nCOPY a /a\n"
    yard.build(text)
    yard.build(text)
    monkeypatch.setenv("DOCKYARD_HOME", str(yard.data))
    found = measure.costs(parse("\n\n" + text), yard.context / "Dockerfile", yard.context)
    assert list(found) == [5]
    assert found[5].size > 0
