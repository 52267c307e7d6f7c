"""Which images a project's retention keeps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dockyard.server.rules.choice import Choice, Held, choose
from dockyard.server.rules.retention_rules import RetentionRule
from dockyard.server.rules.tag_rules import TagRule

DAY = 86_400_000
NOW = 1000 * DAY
GRACE = DAY


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def held(
    number: int, *tags: str, age: int = 10, pulled: int = 0, subject: int = 0, children: tuple[int, ...] = ()
) -> Held:
    return Held(
        digest(number),
        tags,
        digest(subject) if subject else "",
        tuple(map(digest, children)),
        NOW - age * DAY,
        NOW - pulled * DAY if pulled else 0,
    )


def kept(found: Choice) -> set[int]:
    return {int(each.partition(":")[2], 16) for each in found.kept}


def chosen(images: list[Held], *rules: RetentionRule, immutable: str = "") -> Choice:
    fixed = [TagRule(1, "immutable", "**", immutable)] if immutable else []
    return choose("web", images, rules, fixed, NOW, GRACE)


def test_the_latest_pushed_stay() -> None:
    images = [held(number, f"v{number}", age=number) for number in range(1, 6)]
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 2))) == {1, 2}


def test_the_latest_pulled_stay_and_what_was_never_pulled_does_not_count() -> None:
    images = [held(1, "a", pulled=3), held(2, "b", pulled=1), held(3, "c", pulled=2), held(4, "d")]
    assert kept(chosen(images, RetentionRule(1, "latest-pulled", 2))) == {2, 3}
    assert kept(chosen(images, RetentionRule(1, "latest-pulled", 9))) == {1, 2, 3}


def test_age_counts_from_the_push_or_from_the_pull() -> None:
    images = [
        held(1, "a", age=3),
        held(2, "b", age=30),
        held(3, "c", age=30, pulled=2),
        held(4, "d", age=30, pulled=20),
    ]
    assert kept(chosen(images, RetentionRule(1, "pushed-within", 7))) == {1}
    assert kept(chosen(images, RetentionRule(1, "pulled-within", 7))) == {3}


def test_what_any_rule_keeps_stays_and_rules_speak_only_of_their_tags() -> None:
    images = [held(1, "release-1", age=99), held(2, "dev-1", age=5), held(3, "dev-2", age=1), held(4, "else")]
    rules = [RetentionRule(1, "always", 0, "**", "release-*"), RetentionRule(2, "latest-pushed", 1, "**", "dev-*")]
    found = chosen(images, *rules)
    assert kept(found) == {1, 3}
    assert found.kept[digest(1)] == "rule 1 (always)"


def test_a_repository_that_no_rule_speaks_of_keeps_everything() -> None:
    images = [held(1, "a")]
    assert kept(chosen(images)) == {1}
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 1, "api/**"))) == {1}


def test_untagged_images_go_unless_a_rule_speaks_of_them_or_they_are_fresh() -> None:
    images = [held(1, "a"), held(2), held(3, age=0)]
    assert kept(chosen(images, RetentionRule(1, "always", 0))) == {1, 3}
    assert kept(chosen(images, RetentionRule(1, "always", 0, "**", "**", True))) == {1, 2, 3}


def test_immutable_tags_stay() -> None:
    images = [held(1, "v1", age=99), held(2, "v2", age=1), held(3, "dev", age=99)]
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 1), immutable="v*")) == {1, 2}


def test_the_parts_of_an_index_stay_and_go_with_it() -> None:
    images = [held(1, "new", age=1, children=(2, 3)), held(2), held(3), held(4, "old", age=9, children=(5, 3)), held(5)]
    found = chosen(images, RetentionRule(1, "latest-pushed", 1))
    assert kept(found) == {1, 2, 3}
    assert list(found.removed) == [digest(4), digest(5)]


def test_signatures_and_sboms_stay_and_go_with_their_image_however_they_are_kept() -> None:
    images = [
        held(1, "new", age=1),
        held(2, "old", age=9),
        *(held(10 + each, subject=each) for each in (1, 2)),
        *(held(20 + each, subject=10 + each) for each in (1, 2)),
        *(held(30 + each, f"sha256-{each:064x}.sig") for each in (1, 2)),
        *(held(40 + each, f"sha256-{each:064x}", children=(10 + each,)) for each in (1, 2)),
    ]
    found = chosen(images, RetentionRule(1, "latest-pushed", 1))
    assert kept(found) == {1, 11, 21, 31, 41}
    order = [int(each.partition(":")[2], 16) for each in found.removed]
    assert order[0] == 2
    assert order.index(42) < order.index(12) < order.index(22)


def test_signatures_do_not_count_as_images() -> None:
    images = [held(1, "a", age=5), held(2, f"sha256-{1:064x}.sig", age=1), held(3, subject=1, age=1)]
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 1))) == {1, 2, 3}


def test_tags_that_name_each_other_keep_nobody_alive_and_hang_nothing() -> None:
    images = [
        held(1, f"sha256-{2:064x}.sig", age=9),
        held(2, f"sha256-{1:064x}.sig", age=8),
        held(3, f"sha256-{4:064x}", age=9, children=(4,)),
        held(4, age=9),
        held(5, "x", age=1),
    ]
    found = chosen(images, RetentionRule(1, "latest-pushed", 1))
    assert kept(found) == {5}
    assert len(found.removed) == 4


@st.composite
def repositories(draw: st.DrawFn) -> list[Held]:
    """Manifests as digests allow them: what one names or refers to has a smaller number."""
    found: list[Held] = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        below = st.integers(1, max(1, number - 1))
        children = tuple(draw(st.sets(below, max_size=3))) if number > 1 else ()
        subject = draw(st.one_of(st.just(0), st.integers(1, 14)))
        tags = draw(
            st.lists(
                st.one_of(st.sampled_from(["a", "b", "v1"]), st.integers(1, 12).map(lambda n: f"sha256-{n:064x}.sig")),
                max_size=2,
                unique=True,
            )
        )
        age, pulled = draw(st.integers(0, 20)), draw(st.integers(0, 20))
        found.append(
            held(number, *tags, age=age, pulled=pulled, subject=subject if subject < number else 0, children=children)
        )
    return found


RULES = st.builds(
    RetentionRule,
    st.just(1),
    st.sampled_from(["latest-pushed", "latest-pulled", "pushed-within", "pulled-within", "always"]),
    st.integers(1, 5),
    st.just("**"),
    st.sampled_from(["**", "v*", "a"]),
    st.booleans(),
)


@settings(max_examples=2 * settings().max_examples)
@given(repositories(), st.lists(RULES, min_size=1, max_size=3), st.sampled_from(["", "v*"]))
def test_whatever_stays_is_complete_and_everything_is_chosen_once(
    images: list[Held], rules: list[RetentionRule], immutable: str
) -> None:
    found = chosen(images, *rules, immutable=immutable)
    by = {each.digest: each for each in images}
    assert set(found.kept) | set(found.removed) == set(by)
    assert len(found.kept) + len(found.removed) == len(by)
    for each in found.kept:
        assert not set(by[each].children) & set(found.removed)
    for each in found.removed:
        assert by[each].subject not in found.kept
        assert not any(tag.startswith("v") for tag in by[each].tags if immutable)
    seen: set[str] = set()
    for each in found.removed:
        assert not seen & set(by[each].children), "a part goes before what names it"
        seen.add(each)


def test_what_refers_to_an_image_and_has_an_immutable_tag_stays_though_the_image_goes() -> None:
    images = [held(1, "new", age=1), held(2, "old", age=20), held(3, "v1", age=20, subject=2)]
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 1), immutable="v*")) == {1, 3}
    assert kept(chosen(images, RetentionRule(1, "latest-pushed", 1))) == {1}
