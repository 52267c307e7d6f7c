"""The lint rules: what each finds, what it leaves alone, and how to silence it."""

import inspect
import re
import runpy
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.lint import advice
from dockyard.dockerfile.lint.finding import LintFinding
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.measured import Cost, Measured
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.lint.rules import Rule, RuleUnknownError, every, named
from dockyard.dockerfile.lint.sarif import sarif
from dockyard.dockerfile.parser import parse
from dockyard.errors import Error
from making.lint_cases import CASES, WISHES

IGNORED = IgnoreRules.parse(b"dist\n")


def found(text: str, rule: str, options: Options | None = None) -> list[LintFinding]:
    return lint(parse(text), only=[rule], ignored=IGNORED, options=options or WISHES.get(rule))


@pytest.mark.parametrize(("rule", "wrong", "line", "message", "right"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_rule_finds_what_is_wrong_and_nothing_else(
    rule: str, wrong: str, line: int, message: str, right: str
) -> None:
    findings = found(wrong, rule)
    assert [each.line for each in findings] == [line]
    assert message in findings[0].message
    assert findings[0].why
    assert findings[0].source == "\n".join(wrong.split("\n")[line - 1 : findings[0].end_line])
    assert found(right, rule) == []


def test_layers_that_never_reach_the_image_cost_it_nothing() -> None:
    text = "FROM a AS b\nRUN apk add c\nRUN apk add d\nFROM e\nCOPY --from=b /c /c\n"
    assert found(text, "package-cache") == found(text, "merge-runs") == []


def test_a_run_that_installs_from_the_context_needs_it() -> None:
    text = "FROM a\nCOPY wheels wheels\nRUN pip install --root-user-action=ignore --find-links=wheels -r req.txt\n"
    assert found(text, "copy-before-run") == []


@pytest.mark.parametrize(
    "text",
    [
        # Lists of dependencies under any of the names that a pattern has for them.
        "COPY package.json pnpm-lock.yaml* ./\nRUN pnpm install",
        "COPY package*.json ./\nRUN npm ci",
        "COPY go.* ./\nRUN go mod download",
        # What the RUN reads.
        "COPY ca.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates",
        "COPY b.list /etc/apt/sources.list.d/\nRUN apt-get update && apt-get install -y b",
        "COPY names /\nRUN apk add $(</names)",
        "COPY package.json yarn.lock ./\nCOPY patches patches\nRUN yarn install",
    ],
)
def test_what_a_run_reads_is_copied_above_it(text: str) -> None:
    assert found(f"FROM a\n{text}", "copy-before-run") == []


def test_all_of_the_context_is_needed_by_no_list_of_dependencies() -> None:
    text = "FROM a\nCOPY package.json yarn.lock ./\nCOPY . ./\nRUN yarn install"
    assert [each.line for each in found(text, "copy-before-run")] == [3]


def test_git_addresses_have_no_sum_of_one_file() -> None:
    assert found("FROM a\nADD https://b/c.git?branch=d /c", "add-checksum") == []


def test_the_folder_of_git_is_no_repository_elsewhere() -> None:
    kept_out = lint(parse("FROM a\nCOPY .git /x"), only=["copy-ignored"], ignored=IgnoreRules.parse(b".git\n"))
    assert [each.line for each in kept_out] == [2]


def test_a_stage_that_begins_empty_may_be_copied_whole() -> None:
    text = "FROM scratch AS b\nCOPY c /\nFROM b AS d\nFROM e\nCOPY --from=d / /"
    assert found(text, "copy-whole-stage") == []


def test_what_a_base_may_have_set_is_no_slip_of_the_pen() -> None:
    assert found("FROM a\nENV B_INI_SCAN_DIR=c\nCOPY d $B_INI_DIR/", "undefined-variable") == []


def test_flags_with_values_do_not_hide_the_install() -> None:
    assert found("FROM a\nRUN apt-get -o A=b -t sid install -y c", "no-install-recommends")


def test_every_rule_has_a_case() -> None:
    assert {rule.code for rule in every()} == {case[0] for case in CASES}


MEASURED = [kind.code for kind in advice.RULES]


@pytest.mark.parametrize("rule", [rule for rule in every() if rule.code not in MEASURED], ids=lambda rule: rule.code)
def test_the_documented_examples_are_true(rule: Rule) -> None:
    """What a rule's documentation calls wrong it finds, and what it calls right it does not."""
    text = inspect.cleandoc(type(rule).__doc__ or "")
    parts = re.split(r"^(?:Wrong(?:, with (.*))?|Right):\n", text, flags=re.MULTILINE)
    _, given, wrong, _, right = parts
    options = _options(given or "") or WISHES.get(rule.code)
    for example, expected in ((wrong, True), (right, False)):
        body = inspect.cleandoc(example).replace("ghp_…", "ghp_" + "a" * 36)
        if "FROM" not in body:
            body = f"FROM debian:12.8\n{body}"
        assert bool(found(body, rule.code, options)) is expected, body


def _options(flags: str) -> Options | None:
    labels = re.findall(r"--label ([\w.]+)=(\w+)", flags)
    registries = re.findall(r"--trusted-registry ([\w.]+)", flags)
    if not labels and not registries:
        return None
    return Options(registries=tuple(registries), labels=dict(labels), strict_labels="--strict-labels" in flags)


@pytest.mark.parametrize(
    ("text", "rule", "better"),
    [
        ("FROM python", "pin-base", "FROM python:<version>@sha256:<digest>"),
        (
            "FROM --platform=$BUILDPLATFORM r:5000/a/b AS c",
            "pin-base",
            "FROM --platform=$BUILDPLATFORM r:5000/a/b:<version>@sha256:<digest> AS c",
        ),
        ("FROM a\nENTRYPOINT ./b --p 8", "shell-form", 'ENTRYPOINT ["./b", "--p", "8"]'),
        ("FROM a\nCMD b $C", "shell-form", 'CMD ["/bin/sh", "-c", "exec b $C"]'),
        (
            "FROM a\nRUN apt-get install -y b",
            "no-install-recommends",
            "RUN apt-get install --no-install-recommends -y b",
        ),
        ("FROM a\nRUN b\nRUN c", "merge-runs", "RUN b && \\\n    c"),
        (
            "FROM a\nCOPY . .\nRUN pip install -r req.txt",
            "copy-before-run",
            "COPY req.txt ./\nRUN pip install -r req.txt\nCOPY . .",
        ),
        (
            "FROM a\nCOPY . /src\nRUN pip install -r /src/req/a.txt -r /b.txt",
            "copy-before-run",
            "COPY req/a.txt /src/req/\nCOPY b.txt /\nRUN pip install -r /src/req/a.txt -r /b.txt\nCOPY . /src",
        ),
        (
            "FROM a\nCOPY . /src\nRUN pip install -r c/d.txt",
            "copy-before-run",
            "COPY c/d.txt c/\nRUN pip install -r c/d.txt\nCOPY . /src",
        ),
        ("FROM a AS build\nFROM b\nCOPY --from=biuld x y", "unknown-stage", "COPY --from=build x y"),
        ("FROM a\nadd b c", "add-for-copy", "COPY b c"),
        ("FROM a\nRUN cd /b && c", "change-folder", "WORKDIR /b\nRUN c"),
    ],
)
def test_the_better_line_is_given(text: str, rule: str, better: str) -> None:
    assert found(text, rule)[0].better == better


def test_the_cost_of_an_early_copy_counts_and_names_the_runs_below() -> None:
    runs = "RUN apt-get update && apt-get install -y gcc\nRUN pip install -r requirements.txt\nRUN make\n"
    text = f"FROM a\nCOPY . /app\n{runs}"
    message = found(text, "copy-before-run")[0].message
    assert "every change to . reruns the 3 RUN lines below; 2 of them do not need it" in message
    assert "line 3 `apt-get update && apt-get install" in message
    assert "line 4 `pip install -r requirements.txt`" in message


@pytest.mark.parametrize(
    "text",
    [
        "# dockyard ignore=pin-base\nFROM python",
        "# dockyard: ignore=pin-base, root-user\nFROM python",
        "# hadolint ignore=DL3006,DL3007\nFROM python",
        "# hadolint global ignore=DL3006\n\nFROM x:1\nFROM python",
        "# why this is fine\n# dockyard ignore=all\nFROM python",
        "# check=skip=all\nFROM python",
    ],
)
def test_comments_silence_a_rule(text: str) -> None:
    assert found(text, "pin-base") == []


def test_a_check_comment_silences_only_the_instruction_below() -> None:
    text = "# check=skip=DuplicateStageName\nFROM a\n# check=skip=JSONArgsRecommended\nENTRYPOINT x\n\nCMD b\n"
    assert [each.line for each in found(text, "shell-form")] == [6]


def test_a_silenced_line_does_not_silence_the_next() -> None:
    assert [each.line for each in found("# dockyard ignore=pin-base\nFROM a\nFROM b", "pin-base")] == [3]


def test_rules_are_chosen_by_any_of_their_names() -> None:
    assert named(["dl3006", "JSONArgsRecommended"]) == {"pin-base", "shell-form"}
    assert "pin-base" not in {each.rule for each in lint(parse("FROM a"), without=["DL3006"])}
    with pytest.raises(RuleUnknownError) as caught:
        named(["pin-bass"])
    assert "pin-base" in caught.value.hint


def test_a_good_file_has_no_findings() -> None:
    text = """
FROM golang:1.23.3@sha256:00 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/root/go go mod download
COPY . .
RUN --mount=type=cache,target=/root/go go build -o /server

FROM scratch
COPY --from=build /server /server
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s CMD ["/server", "--check"]
ENTRYPOINT ["/server"]
"""
    assert lint(parse(text)) == []


def test_sarif_points_at_rule_file_and_line() -> None:
    document = sarif([("a/Dockerfile", each) for each in found("FROM python", "pin-base")], version="1")
    run = document["runs"][0]
    result = run["results"][0]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "pin-base"
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a/Dockerfile", 1)


def test_the_lint_page_is_what_the_rules_say() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "lint_page.py"))["page"]()
    assert (ROOT / "docs" / "lint.md").read_text() == written, "run `make docs`"


LINES = st.lists(
    st.sampled_from(sorted({line for case in CASES for line in f"{case[1]}\n{case[4]}".split("\n")})), max_size=12
)


@given(
    LINES.map(lambda lines: "\n".join(["FROM a", *lines]).encode())
    | st.binary(max_size=60).map(lambda b: b"FROM a\nRUN " + b)
)
def test_no_file_makes_a_rule_fail(raw: bytes) -> None:
    try:
        findings = lint(parse(raw))
    except Error:
        return
    for each in findings:
        f"{each.message}{each.better}{each.source}".encode()
        assert 1 <= each.line <= each.end_line


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n" + "# hadolint shell=bash\nRUN apt-get install x | y\n" * 1000,
        "FROM a\nRUN " + ("apt-get install x " * 3000 + "\\\n") * 4,
        "FROM a\nRUN apt-get " + ("-q " * 20_000 + "\\\n") * 3,
        "FROM a\nRUN " + ("'\"" * 30_000 + "\\\n") * 2,
        "FROM a AS s0\n" + "".join(f"FROM s{number - 1} AS s{number}\nRUN b|c\n" for number in range(1, 300)),
        "FROM a\n" + "COPY a.tar.gz b/\nRUN tar xf c.tar\n" * 1000,
        "FROM a\n" + "RUN apt-get update && apt-get install -y x | y\n" * 2000,
    ],
    ids=["runs", "installs", "flags", "quotes", "stages", "copies", "updates"],
)
def test_a_huge_file_is_judged_in_seconds(text: str) -> None:
    began = time.process_time()
    lint(parse(text))
    assert time.process_time() - began < 8  # it is under one on an idle machine; each took more than ten once


def test_the_better_order_moves_what_changes_below_what_takes_long() -> None:
    options = Options(measured=Measured({4: Cost("RUN", 9.0, 1000), 6: Cost("RUN", 5.0, 1000)}))
    text = "FROM a\nARG BUILD_DATE\nLABEL made=$BUILD_DATE\nRUN apk add b\nENV D=$BUILD_DATE\nRUN apk add c\n"
    (each,) = found(text, "costly-order", options)
    assert each.message.startswith("every change to BUILD_DATE repeats 9.0 s and 1.0 kB")
    assert each.better == "RUN apk add b\nARG BUILD_DATE\nLABEL made=$BUILD_DATE"
    text = "FROM a\n\nCOPY . .\nRUN pip install -r r.txt\n"
    assert found(text, "costly-order", options)[0].better == "COPY r.txt ./\nRUN pip install -r r.txt\nCOPY . ."


def test_a_program_of_the_distribution_was_chosen_with_it() -> None:
    little = WISHES["smaller-base"].measured.program
    assert little is not None
    for program in (
        replace(little, path="/usr/bin/b"),
        replace(little, needed=("libssl.so.3",)),
        replace(little, packages=3),
    ):
        assert found("FROM a\nCMD b", "smaller-base", Options(measured=Measured(program=program))) == []
