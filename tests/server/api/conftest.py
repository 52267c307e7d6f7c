"""A registry in this process with accounts and an image, and its API; changes of rights hold at once."""

import contextlib
import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.server import instance as instances
from dockyard.server.access import members, projects, users
from dockyard.server.access.doors import open_doors
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.database import Database
from dockyard.server.instance import Instance, open_instance
from dockyard.server.settings import Settings
from making.calls import Answer, Caller, basic
from making.folders import registry_folder

PASSWORD = "correct horse"
OCI = "application/vnd.oci.image"


def digest(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


@dataclasses.dataclass
class Place:
    """A registry and who calls it."""

    instance: Instance
    call: Caller

    @property
    def database(self) -> Database:
        return self.instance.database

    def user(self, name: str, *, admin: bool = False, project: str = "", role: str = "") -> str:
        """Make an account and return its Basic header."""
        users.add(self.database, SYSTEM, name, password=PASSWORD, admin=admin)
        if project:
            members.put(self.database, SYSTEM, project, name, role)
        return basic(name, PASSWORD)

    def project(self, name: str, *, public: bool = False) -> None:
        projects.add(self.database, SYSTEM, name, public=public)

    def api(self, method: str, path: str, document: Any = None, *, auth: str = "", **headers: str) -> Answer:
        """A request to the API; names of headers are written with underscores."""
        body = b"" if document is None else json.dumps(document).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            given.setdefault("content-type", "application/json")
        return self.call(method, f"/api/v1{path}", auth=auth, body=body, headers=given)

    def blob(self, name: str, raw: bytes) -> str:
        registry = self.instance.registry
        upload = registry.begin(name)
        registry.append(name, upload, raw)
        from dockyard.oci.digest import Digest

        registry.finish(name, upload, Digest.parse(digest(raw)))
        return digest(raw)

    def image(self, name: str, tag: str = "1", label: str = "") -> str:
        """Store an image with one layer, and return its digest."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("hello"), io.BytesIO())
        layer = buffer.getvalue()
        config = json.dumps(
            {
                "os": "linux",
                "architecture": "amd64",
                "config": {"User": "app", "Env": ["A=b"], "Labels": {"title": label}, "Cmd": ["/hello"]},
                "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
                "history": [
                    {"created_by": "COPY hello /", "created": "2026-01-01T00:00:00Z"},
                    {"created_by": "USER app", "empty_layer": True},
                ],
            }
        ).encode()
        raw = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{OCI}.manifest.v1+json",
                "config": {
                    "mediaType": f"{OCI}.config.v1+json",
                    "digest": self.blob(name, config),
                    "size": len(config),
                },
                "layers": [{"mediaType": f"{OCI}.layer.v1.tar", "digest": self.blob(name, layer), "size": len(layer)}],
            }
        ).encode()
        self.instance.registry.put_manifest(name, tag, raw, f"{OCI}.manifest.v1+json")
        return digest(raw)


@contextlib.contextmanager
def places(folder: Path) -> Iterator[Callable[..., Place]]:
    """Makes places in the folder, by their settings."""
    made: list[Instance] = []

    def make(**more: Any) -> Place:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(instances, "open_doors", lambda database, given: open_doors(database, given, fresh=0.0))
            instance = open_instance(Settings(storage=str(registry_folder(folder / f"r{len(made)}")), **more))
        made.append(instance)
        return Place(instance, Caller(instance.app))

    yield make
    for instance in made:
        instance.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Makes places."""
    with places(tmp_path) as make:
        yield make


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
