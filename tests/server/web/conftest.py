"""A registry with accounts and real images, and browsers that keep cookies and send the forms of pages."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dockyard.content.memory import Memory
from dockyard.images.image import Image
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import compile_feed
from dockyard.server import instance as instances
from dockyard.server.access import members, projects, robots, secret, tries, users
from dockyard.server.access.doors import open_doors
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.access.principal import Permission
from dockyard.server.access.roles import ROLES
from dockyard.server.instance import Instance, open_instance
from dockyard.server.replication import endpoints, replicate
from dockyard.server.replication import rules as replication
from dockyard.server.rules import labels
from dockyard.server.settings import Settings
from dockyard.server.trust.watching import Watch
from dockyard.server.webhooks import kept, trial
from dockyard.server.webhooks.settings import Webhooks
from making.calls import Answer, Caller
from making.images import image, layer

PASSWORD = "correct horse"
METADATA = b"Metadata-Version: 2.1\nName: werkzeug\nVersion: 2.0\n\n"
NASTY = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """What a page's HTML has: tags with their attributes, and the ids of what it opens and never closes."""

    VOID = frozenset({"meta", "link", "input", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@dataclass
class Browser:
    """Keeps cookies, reads the token of the page's forms, and sends forms."""

    call: Caller
    cookies: dict[str, str] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)

    @property
    def text(self) -> str:
        return self.answer.body.decode()

    @property
    def page(self) -> Reader:
        return Reader(self.text)

    def get(self, path: str, **headers: str) -> Answer:
        return self._sent("GET", path, {}, headers)

    def send(self, path: str, do: str, *, token: str | None = None, **words: Any) -> Answer:
        """Send a form of the page at `path`, which is asked for first."""
        if token is None:
            self.get(path)
            found = re.search(r'name="csrf" value="([^"]+)"', self.text)
            token = found[1] if found else ""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self._sent("POST", path, {"csrf": token, "do": do, **words}, headers)

    def login(self, name: str, password: str = PASSWORD) -> Answer:
        return self.send("/login", "login", name=name, password=password)

    def _sent(self, method: str, path: str, words: dict[str, Any], headers: dict[str, str]) -> Answer:
        sent = {"host": "localhost:5000", **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            self.answer = self.call.form(path, words, headers=sent)
        else:
            self.answer = self.call(method, path, headers=sent)
        for each in self.answer.cookies:
            name, _, rest = each.partition("=")
            value = rest.partition(";")[0]
            if value and "Max-Age=0" not in each:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return self.answer


@dataclass
class Town:
    """A registry and its images."""

    instance: Instance
    pushed: dict[str, Image] = field(default_factory=dict)

    def browser(self, name: str = "") -> Browser:
        """A browser, logged in as `name` where one is given."""
        made = Browser(Caller(self.instance.app, "127.0.0.1"))
        if name:
            assert made.login(name).status == 303, made.text
        return made

    def push(self, name: str, tag: str, files: dict[str, bytes], **config: Any) -> Image:
        store = Memory()
        made = image(store, layer(store, files), layer(store, {"app/main.py": tag.encode()}), config=config)
        for target in made.manifest.references:
            upload = self.instance.registry.begin(name)
            with store.open(target) as stream:
                self.instance.registry.append(name, upload, stream.read())
            self.instance.registry.finish(name, upload, target.digest)
        self.instance.registry.put_manifest(name, tag, made.manifest.raw, made.descriptor.media_type)
        self.pushed[f"{name}:{tag}"] = made
        return made

    def put(self, name: str, tag: str, document: dict[str, Any]) -> str:
        raw = json.dumps(document).encode()
        return str(self.instance.registry.put_manifest(name, tag, raw, document["mediaType"]).digest)

    def scan(self) -> None:
        """Look at what was pushed, with one advisory."""
        folder = self.instance.folder
        say = Advisory("pypi", "werkzeug", "CVE-2099-0001", "test", severity="CRITICAL", ranges=[Range(fixed="2.3")])
        compile_feed(folder / "feed.sqlite", [say])
        Watch(self.instance.registry, self.instance.database, folder / "feed.sqlite", folder / "index").pushes()


@contextmanager
def towns(folder: Path) -> Iterator[Callable[..., Town]]:
    """Makes registries in `folder`, `r0` and on, without accounts, whose changes of rights hold at once."""
    made: list[Instance] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "open_doors", lambda database, settings: open_doors(database, settings, fresh=0.0))
        patch.setattr(secret, "MEMORY_KIB", 8)  # as tests/server/conftest.py does, which comes after `settled`
        patch.setattr(secret, "PASSES", 1)

        def make(**more: Any) -> Town:
            instance = open_instance(Settings(storage=str(folder / f"r{len(made)}"), **more))
            made.append(instance)
            return Town(instance)

        yield make
        for instance in made:
            instance.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Makes registries for the test."""
    with towns(tmp_path) as make:
        yield make


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Image]]:
    """The folder of a registry as `town` has it, closed, and what was pushed to it: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("town")
    with towns(folder) as make:
        found = make()
        Context().run(_settle, found)  # whatever test comes first, nobody's request is under way
    return folder / "r0", found.pushed


@pytest.fixture
def town(settled: tuple[Path, dict[str, Image]], opened: Callable[..., Town], tmp_path: Path) -> Town:
    """Accounts of every role (named as the role) in the private project `team`, `root`, and `stranger` in none."""
    folder, pushed = settled
    shutil.copytree(folder, tmp_path / "r0")
    found = opened()
    found.pushed.update(pushed)
    return found


def _settle(found: Town) -> None:
    database = found.instance.database
    users.add(database, SYSTEM, "root", password=PASSWORD, admin=True)
    users.add(database, SYSTEM, "stranger", password=PASSWORD)
    projects.add(database, SYSTEM, "team")
    projects.add(database, SYSTEM, "open", public=True)
    for role in ROLES:
        users.add(database, SYSTEM, role, password=PASSWORD)
        members.put(database, SYSTEM, "team", role, role)
    robots.add(database, SYSTEM, "team", "old", [Permission(("team/web",), frozenset({"pull"}))])
    tries.failed(database, "", "198.51.100.77", most=0, lock=900)
    for project, name in (("team", "approved"), ("team", "old"), ("", "everywhere"), ("", "old")):
        labels.add(database, project, name)
    robots.add(database, SYSTEM, "", "old", [Permission((), frozenset({"pull"}))])
    found.push("team/web", "1.0", {"site/werkzeug-2.0.dist-info/METADATA": METADATA}, Cmd=["/bin/web"])
    found.push("open/tool", "1.0", {"bin/tool": b"x"})
    found.scan()
    seal = found.instance.seal
    hook, _ = kept.add(database, seal, "http://127.0.0.1:9/hook", project="team")
    trial.test(database, seal, Webhooks(), "", hook.number)
    # Of a repository that is not here, so that nobody asks the other registry.
    offsite = replication.Rule(0, "offsite", "push", "127.0.0.1:9", "team/none")
    replicate.ask(database, replication.add(database, seal, offsite))
    endpoints.add(database, seal, endpoints.Endpoint(0, "backup", "127.0.0.1:9"))
