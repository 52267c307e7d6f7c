"""The verbs of `dockyard registry …` are there twice: near, on the storage, and far, through a server's API."""

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dockyard.cli.registry

_ASKED = re.compile(r'\.verbs\((?:_NEAR\.get\(verb, )?"(?P<near>[\w.]+)"\)?, "(?P<far>\w+)"\)')
_TWINS = sorted(
    {
        (found["near"], found["far"])
        for path in Path(dockyard.cli.registry.__path__[0]).glob("*.py")
        for found in _ASKED.finditer(path.read_text())
    }
)


def functions(name: str) -> dict[str, Callable[..., Any]]:
    """The public functions that a module defines."""
    code = importlib.import_module(name)
    members = inspect.getmembers(code, inspect.isfunction)
    return {name: each for name, each in members if not name.startswith("_") and each.__module__ == code.__name__}


def test_every_command_s_verbs_are_found() -> None:
    assert len(_TWINS) > 20


@pytest.mark.parametrize(("near", "far"), _TWINS, ids=lambda name: name)
def test_what_is_asked_of_a_server_is_called_as_it_is_on_the_storage(near: str, far: str) -> None:
    here = functions(f"dockyard.server.{near}")
    for name, function in functions(f"dockyard.cli.registry.remote.{far}").items():
        if name not in here:
            continue  # the command does something else on the storage
        there, known = (list(inspect.signature(each).parameters.values()) for each in (function, here[name]))
        places = [each for each in known if each.kind == each.POSITIONAL_OR_KEYWORD]
        least = sum(each.default is each.empty for each in places)
        assert least <= sum(each.kind == each.POSITIONAL_OR_KEYWORD for each in there) <= len(places), name
        names = {each.name for each in known if each.kind == each.KEYWORD_ONLY}
        any_name = any(each.kind == each.VAR_KEYWORD for each in known)
        assert any_name or {each.name for each in there if each.kind == each.KEYWORD_ONLY} <= names, name
