"""Every rule of the others that the note lists has a name here."""

import pytest

from dockyard.dockerfile.lint.rules import every, named

CHECKS = [
    "StageNameCasing",
    "FromAsCasing",
    "NoEmptyContinuation",
    "ConsistentInstructionCasing",
    "DuplicateStageName",
    "ReservedStageName",
    "JSONArgsRecommended",
    "MaintainerDeprecated",
    "UndefinedArgInFrom",
    "WorkdirRelativePath",
    "UndefinedVar",
    "MultipleInstructionsDisallowed",
    "LegacyKeyValueFormat",
    "InvalidBaseImagePlatform",
    "RedundantTargetPlatform",
    "SecretsUsedInArgOrEnv",
    "InvalidDefaultArgInFrom",
    "FromPlatformFlagConstDisallowed",
    "CopyIgnoredFile",
    "InvalidDefinitionDescription",
    "ExposeProtoCasing",
    "ExposeInvalidFormat",
]
# 3005, 3017, 3031 and 3039 were withdrawn.
HADOLINT = [1001, 3000, 3001, 3002, 3003, 3004, *range(3006, 3068), 4000, 4001, 4003, 4004, 4005, 4006]
HADOLINT = [number for number in HADOLINT if number not in (3017, 3031, 3039)]


def test_the_lists_are_whole() -> None:
    assert (len(CHECKS), len(HADOLINT)) == (22, 71)


@pytest.mark.parametrize("name", [*CHECKS, *(f"DL{number}" for number in HADOLINT)])
def test_a_name_of_the_others_is_known(name: str) -> None:
    assert named([name])


def test_no_name_of_hadolint_stands_for_two_rules() -> None:
    for number in HADOLINT:
        assert len(named([f"DL{number}"])) == 1


def test_no_two_rules_share_their_own_name() -> None:
    codes = [rule.code for rule in every()]
    assert len(set(codes)) == len(codes)


def test_a_group_names_all_its_rules() -> None:
    assert named(["pin-packages"]) >= {"pin-apt", "pin-go", "pin-gem"}
    assert named(["MultipleInstructionsDisallowed"]) == {"only-one-cmd", "only-one-entrypoint", "only-one-healthcheck"}


def test_shellchecks_rules_are_known_by_their_numbers() -> None:
    assert named(["sc2086", "ShellCheck"]) == {"SC2086", "shellcheck"}
