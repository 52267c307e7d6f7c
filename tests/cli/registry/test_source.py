"""Which registry a command works on: a server's API where one is named, the storage otherwise."""

from pathlib import Path

import pytest

import dockyard.cli.registry.remote.quotas
import dockyard.server.rules.quota
from dockyard.cli.registry.here import RegistryMissingError
from dockyard.cli.registry.source import Place, refuse
from dockyard.errors import UsageError


def test_the_verbs_are_those_of_the_storage_or_of_the_api() -> None:
    assert Place().verbs("rules.quota", "quotas") is dockyard.server.rules.quota
    assert Place(server="localhost:5000").verbs("rules.quota", "quotas") is dockyard.cli.registry.remote.quotas


@pytest.mark.parametrize("other", [{"storage": Path("x")}, {"config": Path("x")}])
def test_a_server_and_a_storage_are_refused_before_anything_is_opened(other: dict[str, Path]) -> None:
    place = Place(server="localhost:5000", **other)
    for ask in (lambda: place.verbs("rules.quota", "quotas"), place.database, place.instance):
        with pytest.raises(UsageError, match="a server and a storage"):
            ask()


def test_a_registry_is_begun_only_where_that_was_asked_for(tmp_path: Path) -> None:
    place = Place(storage=tmp_path / "registry")
    with pytest.raises(RegistryMissingError), place.database():
        pass
    assert not (tmp_path / "registry").exists()
    with pytest.raises(RegistryMissingError), place.database(new=True):
        pass
    assert not (tmp_path / "registry").exists(), "a folder that was typed may have been mistyped"
    with place.database(new=True, begin=True):
        assert (tmp_path / "registry").is_dir()


@pytest.mark.parametrize("words", [["--server", "x"], ["--server=x"]])
def test_a_command_for_the_storage_refuses_a_server(words: list[str]) -> None:
    with pytest.raises(UsageError, match="works on the registry's storage"):
        refuse(words)
    refuse(["--storage", "x", "server"])
