"""`dockyard inspect`."""

import json
from pathlib import Path

import pytest

from dockyard.cli.main import run
from dockyard.content.layout import Layout
from making.images import image, layer


def test_the_configuration_is_written_as_dockerfiles_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Layout(tmp_path / "store", create=True)
    config = {
        "Entrypoint": ["python3", "/srv/app.py"],
        "User": "65532\x1b[2J",
        "Labels": {"of": "Ä\x1b[2J"},
        "StopSignal": "SIGINT",
    }
    store.tag("docker.io/library/x:1", image(store, layer(store, {"f": b"x"}), config=config).descriptor)
    monkeypatch.setenv("DOCKYARD_HOME", str(tmp_path))
    assert run(["inspect", "x:1"]) == 0
    out = capsys.readouterr().out
    assert '  Entrypoint: ["python3", "/srv/app.py"]\n' in out
    assert "  User: 65532\\x1b[2J\n" in out
    assert '  Labels: {"of": "Ä\\u001b[2J"}\n' in out
    assert "  StopSignal: SIGINT\n" in out
    assert run(["inspect", "x:1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == config
