"""Command lines that are read without the parser mean what they mean to the parser."""

from typing import Any

import cyclopts
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockyard.cli import pull, push
from dockyard.cli.build import build as module
from dockyard.cli.build.flags import Flags
from dockyard.cli.call import readied
from dockyard.cli.plain import plain, switched

VALUES = st.sampled_from(["a", "b:1", "x=y", "type=oci,dest=o", "a b", "ä", "/tmp", "."])
SWITCHES = ["-q", "--quiet", "--json", "--push", "--explain", "--no-cache", "--pull"]
TAKING = ["-t", "--tag", "--label", "-o", "--output", "-f", "--file", "--build-arg", "--target", "--progress"]
OTHERS = ["--squash", "--sbom", "--iidfile", "--platform", "-x", "--", "-", "--quiet=true", "-tx", "-qt", "--tag=", ""]


def parsed(words: list[str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    readied(module)
    app = cyclopts.App(help_format="plaintext", version_flags=(), result_action="return_value")
    app.default(module.build)
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    flags = bound.kwargs.get("flags") or Flags()
    own = {name: value for name, value in bound.kwargs.items() if name != "flags"}
    unset = {name: getattr(Flags, name) for name in Flags.__annotations__}
    return (bound.args or (".",))[0], own, {key: each for key, each in vars(flags).items() if each != unset[key]}


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(SWITCHES).map(lambda word: [word]),
            st.tuples(st.sampled_from(TAKING), VALUES).map(list),
            st.tuples(st.sampled_from([each for each in TAKING if each.startswith("--")]), VALUES).map(
                lambda pair: ["=".join(pair)]
            ),
            VALUES.map(lambda word: [word]),
            st.sampled_from(OTHERS).map(lambda word: [word]),
        ),
        max_size=5,
    ).map(lambda parts: [word for part in parts for word in part])
)
@example(["-q", "-t", "a", "-t", "b", "."])
@example(["-f", "a", "-f", "b", "."])
@example(["--no-cache", "--no-cache", "."])
@example(["-t"])
def test_what_is_plain_means_the_same_to_the_parser(words: list[str]) -> None:
    read = plain(words)
    if read is not None:
        assert read == parsed(words)


@pytest.mark.parametrize(
    "words",
    [
        ["."],
        ["-t", "shop:1", "."],
        ["-q", "-f", "other", "--target=a", "--build-arg", "A=1", "--build-arg", "B=2", "."],
    ],
)
def test_what_people_write_most_is_plain(words: list[str]) -> None:
    assert plain(words) is not None


@pytest.mark.parametrize("words", [["-"], ["a", "b"], ["--squash", "."], ["--memory", "1g", "."], ["-t", "-q"], ["-h"]])
def test_what_is_not_plain_is_left_to_the_parser(words: list[str]) -> None:
    assert plain(words) is None


@pytest.mark.parametrize(("command", "most"), [(push, 2), (pull, 1)])
@settings(deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["a/b:1", "c", "-q", "--quiet", "--json", "--no-json", "-", "--", "", "-h"]), max_size=4
    )
)
def test_plain_words_of_push_and_pull_mean_the_same_to_the_parser(command: Any, most: int, words: list[str]) -> None:
    read = switched(words, most, {"--quiet": "quiet", "-q": "quiet", "--json": "json"})
    if read is None:
        return
    vars(command)["Parameter"] = cyclopts.Parameter
    app = cyclopts.App(help_format="plaintext", version_flags=(), result_action="return_value")
    app.default(command.push if command is push else command.pull)
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert list(bound.args) == read[0]
    assert {name for name, value in bound.kwargs.items() if value} == read[1]


@pytest.mark.parametrize(
    "words", [[], ["a", "b", "c"], ["a", "--platform", "linux/arm64"], ["a", "-q", "--quiet"], [""]]
)
def test_other_words_of_push_are_left_to_the_parser(words: list[str]) -> None:
    assert switched(words, 2, {"--quiet": "quiet", "-q": "quiet", "--json": "json"}) is None
