"""The OpenAPI document says what the API does: every operation is called by it, with good and with bad requests."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from dockyard.server.access import groups, keyless, members, personal, robots
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.api import application
from dockyard.server.api.application import made, operations
from dockyard.server.api.document import document
from dockyard.server.replication import endpoints, replicate
from dockyard.server.replication import rules as replication
from dockyard.server.settings import Access
from dockyard.server.webhooks import kept, trial
from dockyard.server.webhooks.settings import Webhooks

from .conftest import Place, places

pytestmark = pytest.mark.slow

KEPT = Path(application.__file__).with_name("openapi.json")


def test_the_document_that_is_kept_says_what_the_operations_are() -> None:
    """`DOCKYARD_REGENERATE=1 pytest …` writes it anew after a change that was meant."""
    found = made()
    assert found == made()
    if os.environ.get("DOCKYARD_REGENERATE"):
        KEPT.write_bytes(found)
    assert found.decode() == document().decode(), "run with DOCKYARD_REGENERATE=1 if the change is meant"
    assert sorted(ORDERED) == sorted(operations())


# Where the document's strings stand for things that are there.
NAMES = {
    "project": "team",
    "repository": "team:web",
    "reference": "1",
    "tag": "2",
    "kind": "user",
    "member": "other",
    "user": "other",
    "group": "crew",
    "robot": "robot+team+ci",
    "rule": "ci",
    "endpoint": "backup",
    "token": "old",
    "number": 1,
    "delivery": 1,
    "advisory": "CVE-2026-1",
}
# What is removed is removed last, the smaller things before those that they are in.
ORDERED = sorted(
    ((method.upper(), path) for path, methods in json.loads(document())["paths"].items() for method in methods),
    key=lambda each: (each[0] == "DELETE", -each[1].count("/"), each[1]),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The document over the application, and a system admin's header."""
    # Only here: it takes long to load, and one file needs it.
    import schemathesis
    from schemathesis.config import SchemathesisConfig

    with places(tmp_path_factory.mktemp("document")) as make:
        place = make(access=Access(tries=10**9))
        auth = _filled(place)
        # A form that the document cannot describe, or a rule of a project, may refuse what it does describe.
        checks = {"positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 412, 422]}}
        config = SchemathesisConfig.from_dict({"checks": checks, "generation": {"allow-x00": False}})
        schema = schemathesis.openapi.from_asgi("/api/openapi.json", place.instance.app, config=config)
        yield schema, auth


def _filled(place: Place) -> str:
    auth = place.user("root", admin=True)
    place.user("other")
    place.project("team")
    place.image("team/web")
    place.image("team/web", "2", "another")
    members.put(place.database, SYSTEM, "team", "other", "guest")
    groups.add(place.database, SYSTEM, "crew")
    personal.add(place.database, SYSTEM, "other", "old")
    robots.add(place.database, SYSTEM, "team", "ci", [Permission((), frozenset({"pull"}))])
    keyless.add(
        place.database,
        SYSTEM,
        "team",
        "ci",
        issuer="https://ci.test",
        audience="us",
        claims={"a": "b"},
        permissions=[Permission((), frozenset({"pull"}))],
    )
    replication.add(place.database, place.instance.seal, replication.Rule(0, "ci", "push", "127.0.0.1:9", "team/none"))
    replicate.ask(place.database, replication.named(place.database, "ci"))
    endpoints.add(place.database, place.instance.seal, endpoints.Endpoint(0, "backup", "127.0.0.1:9"))
    hook, _ = kept.add(place.database, place.instance.seal, "http://127.0.0.1:9/", project="team")
    trial.test(place.database, place.instance.seal, Webhooks(), "", hook.number)
    return auth


@pytest.mark.parametrize(("method", "path"), ORDERED)
def test_every_operation_does_what_the_document_says(served: tuple[Any, str], method: str, path: str) -> None:
    from schemathesis import GenerationMode

    schema, auth = served
    operation = schema[path][method]
    refusable = operation.body or any(True for _ in operation.iter_parameters())
    for mode in GenerationMode if refusable else [GenerationMode.POSITIVE]:
        _asked(operation, mode, auth, named=mode is GenerationMode.POSITIVE)


def _asked(operation: Any, mode: Any, auth: str, *, named: bool) -> None:
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), known=strategies.booleans())
    @hypothesis.settings(
        max_examples=4,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case: Any, known: bool) -> None:
        if known and named:
            case.path_parameters.update({key: NAMES[key] for key in case.path_parameters})
        case.call_and_validate(headers={"Authorization": auth})

    ask()
