"""A registry with accounts, in this process, whose changes of rights hold at once."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.server import instance as instances
from dockyard.server.access import members, projects, users
from dockyard.server.access.doors import Doors, open_doors
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.database import Database
from dockyard.server.instance import Instance, open_instance
from dockyard.server.settings import Access, Settings
from making.calls import Caller, basic
from making.folders import registry_folder

PASSWORD = "correct horse"


@dataclasses.dataclass
class Place:
    """A registry and who calls it."""

    instance: Instance
    call: Caller

    @property
    def database(self) -> Database:
        return self.instance.database

    @property
    def doors(self) -> Doors:
        return self.instance.access

    def user(
        self, name: str, *, admin: bool = False, project: str = "", role: str = "", globs: tuple[str, ...] = ()
    ) -> str:
        """Make an account and return its Basic header."""
        users.add(self.database, SYSTEM, name, password=PASSWORD, admin=admin)
        if project:
            members.put(self.database, SYSTEM, project, name, role, repositories=globs)
        return basic(name, PASSWORD)

    def project(self, name: str, *, public: bool = False) -> None:
        projects.add(self.database, SYSTEM, name, public=public)

    def token(self, auth: str, *scopes: str) -> str:
        """A Bearer header for the scopes."""
        query = "&".join(f"scope={each}" for each in scopes)
        answer = self.call("GET", f"/token?service=dockyard&{query}", auth=auth)
        assert answer.status == 200, answer.body
        return "Bearer " + str(answer.document["token"])

    def image(self, name: str, tag: str = "1", *, auth: str) -> str:
        """Push a small image and return its digest."""
        config = b"{}"
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        made = self.call("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", auth=auth, body=config)
        assert made.status == 201, made.body
        raw = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2},
                "layers": [],
            }
        ).encode()
        headers = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
        put = self.call("PUT", f"/v2/{name}/manifests/{tag}", auth=auth, body=raw, headers=headers)
        assert put.status == 201, put.body
        return "sha256:" + hashlib.sha256(raw).hexdigest()


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Place]]:
    """Makes places; `fresh` is how long rights are believed."""
    made: list[Instance] = []

    def make(access: Access | None = None, *, fresh: float = 0.0, **more: object) -> Place:
        settings = Settings(storage=str(registry_folder(tmp_path / f"r{len(made)}")), access=access or Access(), **more)  # type: ignore[arg-type]
        monkeypatch.setattr(instances, "open_doors", lambda database, given: open_doors(database, given, fresh=fresh))
        instance = open_instance(settings)
        made.append(instance)
        return Place(instance, Caller(instance.app))

    yield make
    for instance in made:
        instance.close()


@pytest.fixture
def place(opened: Callable[..., Place]) -> Place:
    """One with a system admin `root`."""
    found = opened()
    found.user("root", admin=True)
    return found


@pytest.fixture
def root() -> str:
    """The system admin's header."""
    return basic("root", PASSWORD)


def later(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clocks on."""
    wall, mono, nano = time.time, time.monotonic, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall() + seconds)
    monkeypatch.setattr(time, "monotonic", lambda: mono() + seconds)
    monkeypatch.setattr(time, "time_ns", lambda: nano() + int(seconds * 1e9))
