"""`dockyard login`: what is not a registry, a wrong password, and a password where others would see it."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.cli.main import run
from making.answering import Answering, Handler


class _Registry(Handler):
    """Takes ada with `right` under /v2/; knows nothing else."""

    def respond(self, body: bytes) -> None:
        if self.path != "/v2/":
            self.answer(404)
        elif self.headers.get("Authorization") == "Basic YWRhOnJpZ2h0":
            self.answer(200, b"{}")
        else:
            self.answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="here"'})


class _Pages(Handler):
    """No registry: a server of pages."""

    def respond(self, body: bytes) -> None:
        self.answer(404, b"<h1>Not found</h1>")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKYARD_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path


@pytest.fixture(params=[_Registry])
def served(request: pytest.FixtureRequest) -> Iterator[Answering]:
    served = Answering(request.param)
    yield served
    served.close()


def login(served: Answering, password: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    return run(["login", served.address, "-u", "ada", "--password-stdin"])


def test_the_right_password_is_kept(served: Answering, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert login(served, "right", monkeypatch) == 0
    assert served.address in (home / "config.json").read_text()


def test_a_wrong_password_is_refused_with_advice_and_not_kept(
    served: Answering, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert login(served, "wrong", monkeypatch) == 2
    said = capsys.readouterr().err
    assert "error[registry-denied]" in said
    assert "Check name and password" in said
    assert not (home / "config.json").exists()


@pytest.mark.parametrize("served", [_Pages], indirect=True)
def test_what_is_no_registry_gets_no_credentials(
    served: Answering, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert login(served, "right", monkeypatch) == 2
    assert f"there is no registry at {served.address}" in capsys.readouterr().err
    assert not (home / "config.json").exists()


@pytest.mark.parametrize("words", [["-p", "secret"], ["--password=secret"]])
def test_a_password_among_the_words_is_refused_without_showing_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["login", "127.0.0.1:1", "-u", "ada", *words]) == 2
    said = capsys.readouterr().err
    assert "--password-stdin" in said
    assert "secret" not in said
