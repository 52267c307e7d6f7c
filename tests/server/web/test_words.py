"""Numbers, sizes, times and instructions as people read them."""

import pytest

from dockyard._internal import amounts
from dockyard.server.web import words

SECOND, DAY = 1000, 86_400_000


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_490_290, "3.5 MB"),
        (99_400, "99.4 kB"),
        (99_940, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**18, "5000 PB"),
        (None, "–"),
    ],
)
def test_sizes_have_two_digits_that_count(count: int | None, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, ""), (0, "0"), (1, "1"), (4096, "4096"), (1_500_000, "1500kB"), (10**10, "10GB"), (3 * 10**12, "3TB")],
)
def test_a_size_to_be_typed_loses_no_byte(count: int | None, said: str) -> None:
    assert words.exact(count) == said
    assert count is None or amounts.size(said) == count


def test_a_long_text_ends_with_a_word_and_says_that_it_goes_on() -> None:
    assert words.cut("short") == "short"
    assert words.cut("some words, and more of them", 12) == "some words…"
    assert words.cut("x" * 300) == "x" * 200 + "…"


@pytest.mark.parametrize(
    ("media_type", "said"),
    [
        ("application/vnd.cncf.helm.config.v1+json", "Helm chart"),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", "Sigstore bundle"),
        ("application/vnd.cyclonedx+json", "SBOM (CycloneDX)"),
        ("application/x", "Artifact"),
    ],
)
def test_types_have_the_names_that_people_use(media_type: str, said: str) -> None:
    assert words.kindly(media_type) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (0, "just now"),
        (59 * SECOND, "59 seconds ago"),
        (61 * SECOND, "1 minute ago"),
        (DAY - 1, "23 hours ago"),
        (DAY, "1 day ago"),
        (45 * DAY, "1 month ago"),
        (800 * DAY, "2 years ago"),
        (-2 * DAY, "in 2 days"),
    ],
)
def test_ages_are_told_in_the_largest_whole_unit(ago: int, said: str) -> None:
    now = 1_700_000_000_000
    assert words.age(now - ago, now) == said
    assert words.age(None, now) == "never"


@pytest.mark.parametrize(
    ("history", "said", "word"),
    [
        ('/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]', "CMD"),
        ("/bin/sh -c apk add curl", "RUN apk add curl", "RUN"),
        ("RUN /bin/sh -c apk add curl # buildkit", "RUN apk add curl", "RUN"),
        ("RUN |1 A=b /bin/sh -c make # buildkit", "RUN make", "RUN"),
        ("COPY app /srv # buildkit", "COPY app /srv", "COPY"),
        ("COPYING things", "COPYING things", ""),
        ("", "", ""),
    ],
)
def test_instructions_lose_what_builders_wrap_around_them(history: str, said: str, word: str) -> None:
    assert words.instruction(history) == said
    assert words.keyword(said) == word


def test_results_of_jobs_are_told_in_words() -> None:
    assert words.told({"blobs": 12345, "whole": True, "flaws": []}) == "blobs 12\u202f345, whole yes, flaws none"
    assert words.told(None) == ""
    assert words.short("sha256:" + "a" * 64) == "sha256:" + "a" * 12
    assert (words.counted(1, "tag"), words.counted(2, "tag")) == ("1 tag", "2 tags")
