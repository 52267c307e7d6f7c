"""Numbers that say whether a repository has changed, and what a process that ended too early leaves behind."""

from pathlib import Path

from dockyard.server.generation import Generations
from making.pushed import image, opened


def test_a_change_is_seen_by_every_process(tmp_path: Path) -> None:
    one, other = Generations(tmp_path / "numbers"), Generations(tmp_path / "numbers")
    before = other.of("a/b")
    assert one.of("a/b") == before
    one.change("a/b")
    assert other.of("a/b") != before
    assert other.of("a/b") == one.of("a/b")


def test_whoever_begins_to_serve_lets_all_be_read_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        image(instance.registry, "team/web", "1", note="one")
        instance.registry.manifest("team/web", "1")
        # As if a process had ended between the commit and the change of the number.
        with opened(tmp_path) as other:
            other.registry.changed = lambda name: None  # type: ignore[method-assign]
            moved = image(other.registry, "team/web", "1", note="two")
        kept = instance.registry.cached("team/web", "1")
        assert kept is not None
        assert kept.digest != moved
        with opened(tmp_path) as third:
            third.start()
            assert instance.registry.cached("team/web", "1") is None
        assert instance.registry.manifest("team/web", "1").digest == moved


def test_within_so_many_turns_everything_is_read_anew(tmp_path: Path) -> None:
    numbers = Generations(tmp_path / "numbers")
    numbers.renew()
    names = [f"team/app{number}" for number in range(300)]
    before = {name: numbers.of(name) for name in names}
    numbers.turn()
    assert sum(numbers.of(name) == before[name] for name in names) > 0
    for _ in range(63):
        numbers.turn()
    assert all(numbers.of(name) != before[name] for name in names)
