"""Lint findings as other programs read them."""

import xml.etree.ElementTree as ET

from dockyard.dockerfile.lint.checkstyle import checkstyle
from dockyard.dockerfile.lint.codequality import codequality
from dockyard.dockerfile.lint.finding import LintFinding
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.sarif import sarif
from dockyard.dockerfile.parser import parse

TEXT = 'FROM a:1.2\nENV T="<&\x01\\"" API_TOKEN=x\nRUN apk add b\nRUN apk add b\n'


def findings(text: str = TEXT) -> list[tuple[str, LintFinding]]:
    return [("a/Docker&file", each) for each in lint(parse(text), only=["secret-in-env", "apk-cache"])]


def test_the_code_quality_report_has_what_gitlab_asks_for() -> None:
    found = codequality(findings())
    assert [each["check_name"] for each in found] == ["secret-in-env", "apk-cache", "apk-cache"]
    assert {each["severity"] for each in found} == {"major", "minor"}
    assert found[1]["location"] == {"path": "a/Docker&file", "lines": {"begin": 3, "end": 3}}
    assert len({each["fingerprint"] for each in found}) == 3


def test_a_fingerprint_stays_when_the_line_moves() -> None:
    before, after = codequality(findings()), codequality(findings(TEXT.replace("ENV", "\n\nENV")))
    assert [each["fingerprint"] for each in before] == [each["fingerprint"] for each in after]
    assert [each["location"] for each in before] != [each["location"] for each in after]


def test_checkstyle_is_well_formed_whatever_the_file_holds() -> None:
    pairs = [*findings(), ("b\x01", findings()[0][1])]
    root = ET.fromstring(checkstyle(pairs))
    assert [each.get("name") for each in root] == ["a/Docker&file", "b\ufffd"]
    assert [each.get("line") for each in root[0]] == ["2", "3", "4"]
    assert root[0][0].get("severity") == "warning"
    assert ET.fromstring(checkstyle([])).tag == "checkstyle"


def test_others_pages_about_a_rule_are_named() -> None:
    (found,) = lint(parse("FROM a:1.2\nENTRYPOINT b\n"), only=["shell-form"])
    assert found.to_json()["urls"] == [
        "https://github.com/hadolint/hadolint/wiki/DL3025",
        "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
    ]


def test_sarif_holds_the_rules_of_another_checker() -> None:
    foreign = LintFinding("SC2086", "info", 2, 2, "Quote", "why", "", "RUN", ("shellcheck",))
    run = sarif([("f", foreign)], version="1")["runs"][0]
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "SC2086"
