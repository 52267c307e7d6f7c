"""Names and what is not there; rollouts themselves run against runc and haproxy in tests/system/test_deploy_host.py."""

from pathlib import Path

import pytest

from dockyard.deploy import rollout
from dockyard.deploy.rollout import AppUnknownError
from dockyard.errors import UsageError


@pytest.mark.parametrize("name", ["", "..", "a/b", "Web", "-web", "a" * 42, "web\n"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        rollout.app_folder(tmp_path, name)


def test_an_application_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert rollout.app_folder(tmp_path, "web-2") == tmp_path / "apps" / "web-2"


@pytest.mark.parametrize("verb", [rollout.undo, rollout.stop])
def test_what_was_never_deployed_can_be_neither_undone_nor_stopped(verb: object, tmp_path: Path) -> None:
    with pytest.raises(AppUnknownError, match="'web'"):
        verb("web", tmp_path)  # type: ignore[operator]
    assert not (tmp_path / "apps").exists()


def test_status_is_empty_before_the_first_deploy_and_knows_no_other_names(tmp_path: Path) -> None:
    assert rollout.status(tmp_path) == {}
    with pytest.raises(AppUnknownError):
        rollout.status(tmp_path, "web")
