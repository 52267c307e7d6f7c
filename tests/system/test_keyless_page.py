"""What docs/access.md tells a CI job to run, against a real server and a real issuer."""

import os
import re
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from making.provider import Provider
from making.serving import Server

AUDIENCE = "https://registry.example"
STUBS = {
    "docker": 'echo "$@" > "$SAID.words"; cat > "$SAID"',
    "jq": f"exec {sys.executable} -c \"import json, sys; print(json.load(sys.stdin)['access_token'])\"",
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    made.claims = {"sub": "x", "aud": AUDIENCE, "repository": "acme/web", "ref": "refs/heads/main"}
    yield made
    made.close()


def test_a_job_logs_in_as_the_page_says(tmp_path: Path, provider: Provider) -> None:
    storage = ["--storage", str(tmp_path / "registry")]

    def registry(*words: str, given: str = "") -> None:
        command = [sys.executable, "-m", "dockyard.cli.main", "registry", *words, *storage]
        subprocess.run(command, input=given, text=True, check=True, capture_output=True, timeout=60)

    registry("user", "add", "ada", "--admin", "--new", "--password-stdin", given="correct horse\n")
    registry("project", "add", "shop")
    claims = ["--claim", "repository=acme/web", "--claim", "ref=refs/heads/main", "--allow", "pull,push:shop/web"]
    issuer = ["--issuer", provider.issuer, "--audience", AUDIENCE]
    registry("keyless", "add", "github", "--project", "shop", *issuer, *claims)
    server = Server(tmp_path)
    try:
        page = (ROOT / "docs" / "access.md").read_text()
        (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        for name, text in STUBS.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / name).chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SAID": str(tmp_path / "said"),
            "ID_TOKEN": provider.token(),
        }
        block = block.replace("https://registry.example", f"http://{server.address}")
        subprocess.run(["sh", "-ec", block], env=environment, check=True, capture_output=True, timeout=60)
        assert (tmp_path / "said.words").read_text().split() == [
            "login",
            "registry.example",
            "-u",
            "ci",
            "--password-stdin",
        ]
        login = b64encode(b"ci:" + (tmp_path / "said").read_bytes().strip()).decode()
        begun = urllib.request.Request(
            f"http://{server.address}/v2/shop/web/blobs/uploads/",
            method="POST",
            headers={"Authorization": f"Basic {login}"},
        )
        with urllib.request.urlopen(begun, timeout=10) as answer:
            assert answer.status == 202
    finally:
        server.stop()
