"""The registry beyond one process and one disk: TLS, PostgreSQL and S3, a reverse proxy; each by the whole suite."""

import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from making.conformance import conformance
from making.nginx import nginx
from making.objects import ENVIRONMENT, Moto, moto
from making.ports import free_port
from making.postgres import Postgres, postgres
from making.serving import Server

Find = Callable[[str], str]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def bucket() -> Iterator[Moto]:
    with moto() as server:
        yield server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_suite_passes_over_tls_with_a_self_made_certificate(tmp_path: Path, workers: str) -> None:
    server = Server(tmp_path, "--tls-self-made", "--workers", workers)
    try:
        authority = str(tmp_path / "registry" / "tls" / "ca.pem")
        # Go reads the authorities to trust from this variable.
        conformance(tmp_path, server.address, "dev", OCI_TLS="enabled", SSL_CERT_FILE=authority)
        trust = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(f"https://localhost:{server.port}/v2/", context=trust, timeout=10) as answer:
            assert answer.status == 200
    finally:
        server.stop()


@pytest.mark.parametrize("version", ["1.1", "dev"])
def test_the_suite_passes_over_postgresql(tmp_path: Path, database: Postgres, version: str) -> None:
    url = database.url(f"suite{version.replace('.', '')}")
    server = Server(tmp_path, environment={"DATABASE_URL": url})
    try:
        conformance(tmp_path, server.address, version)
    finally:
        server.stop()
    assert not (tmp_path / "registry" / "registry.db").exists()


@pytest.mark.parametrize(
    ("name", "lines", "version"),
    [
        ("straight", "redirect = false", "dev"),
        ("redirected", "redirect = true", "dev"),
        # The development version wants Docker-Content-Digest with every blob, which no object storage can be told to
        # send; the answer that leads there has it.
        ("all", "redirect = true\nredirect-from = 0", "1.1"),
    ],
)
def test_the_suite_passes_over_postgresql_and_s3(
    tmp_path: Path, database: Postgres, bucket: Moto, name: str, lines: str, version: str
) -> None:
    settings = tmp_path / "registry.toml"
    settings.write_text(f"[objects]\n{lines}\n")
    server = Server(
        tmp_path,
        *("--config", str(settings), "--workers", "2"),
        storage=bucket.url(f"suite-{name}"),
        environment={"DATABASE_URL": database.url(f"suites3{name}"), **ENVIRONMENT},
    )
    try:
        conformance(tmp_path, server.address, version)
    finally:
        server.stop()
    assert not list(tmp_path.rglob("uploads"))


def test_the_suite_passes_behind_nginx_that_reads_the_blobs_itself(tmp_path: Path, program: Find) -> None:
    port = free_port()
    settings = tmp_path / "registry.toml"
    settings.write_text(f'[proxy]\nurl = "http://127.0.0.1:{port}"\ntrusted = true\naccel = "/_blobs/"\n')
    server = Server(tmp_path, "--config", str(settings))
    try:
        with nginx(program("nginx"), tmp_path, port, [server.port], storage=tmp_path / "registry"):
            conformance(tmp_path, f"127.0.0.1:{port}", "dev")
        assert "/_blobs/" in (tmp_path / "nginx" / "access.log").read_text()  # it did
    finally:
        server.stop()


def test_it_works_under_a_sub_path_and_knows_its_url(tmp_path: Path, program: Find) -> None:
    port = free_port()
    settings = tmp_path / "registry.toml"
    settings.write_text(f'[proxy]\nurl = "http://127.0.0.1:{port}/hub"\ntrusted = true\n')
    server = Server(tmp_path, "--config", str(settings))
    base = f"http://127.0.0.1:{port}"
    try:
        with nginx(program("nginx"), tmp_path, port, [server.port], prefixes=["/hub"]):
            begun = urllib.request.Request(f"{base}/hub/v2/a/b/blobs/uploads/", method="POST", data=b"")
            with urllib.request.urlopen(begun, timeout=10) as answer:
                place = answer.headers["Location"]
            assert place.startswith("/hub/v2/a/b/blobs/uploads/")
            digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
            put = urllib.request.Request(f"{base}{place}?digest={digest}", data=b"content", method="PUT")
            with urllib.request.urlopen(put, timeout=10) as answer:
                assert answer.status == 201
                there = answer.headers["Location"]
            with urllib.request.urlopen(f"{base}{there}", timeout=10) as answer:
                assert answer.read() == b"content"
    finally:
        server.stop()


def test_http_2_is_spoken_over_tls_and_nothing_older_than_tls_1_2(tmp_path: Path) -> None:
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True, timeout=10)
    if "HTTP2" not in curl.stdout:
        pytest.skip("there is no curl that speaks HTTP/2")
    server = Server(tmp_path, "--tls-self-made")
    try:
        words = ["curl", "-s", "--cacert", str(tmp_path / "registry/tls/ca.pem"), "-o", "/dev/null"]
        words += ["-w", "%{http_version} %{response_code}", f"https://localhost:{server.port}/v2/"]
        said = subprocess.run(words, capture_output=True, text=True, timeout=20)
        assert said.stdout == "2 200", said.stderr
        said = subprocess.run([*words, "--tls-max", "1.2"], capture_output=True, text=True, timeout=20)
        assert said.stdout == "2 200", said.stderr
        old = [*words, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]
        assert subprocess.run(old, capture_output=True, timeout=20).returncode != 0
    finally:
        server.stop()
