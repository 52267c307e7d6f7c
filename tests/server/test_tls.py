"""The server's certificate: given or made here, and what is done with one that cannot be used."""

import re
import socket
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from dockyard.server.settings import Tls
from dockyard.server.tls import CertificateError, certificate, self_made


def names(path: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in listed}


def test_without_settings_there_is_none(tmp_path: Path) -> None:
    assert certificate(Tls(), tmp_path, "127.0.0.1") is None
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_made_here_is_for_the_names_and_verifies_with_its_authority(tmp_path: Path) -> None:
    made = certificate(Tls(self_made=True, names=("registry.example", "10.0.0.7")), tmp_path, "192.0.2.1")
    assert made is not None
    wanted = {"registry.example", "10.0.0.7", "192.0.2.1", "localhost", "127.0.0.1", "::1"}
    assert names(made.certificate) == wanted
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls" / "ca.key").stat().st_mode) == 0o600
    words = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "registry.example"]
    words += ["-CAfile", str(made.authority), str(made.certificate)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


def test_it_is_kept_until_it_ages_or_the_names_change_and_the_authority_stays(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    first = self_made(tmp_path, ["a.example"], now)
    before, authority = first.certificate.read_bytes(), (tmp_path / "ca.pem").read_bytes()
    assert self_made(tmp_path, ["a.example"], now + timedelta(days=200)).certificate.read_bytes() == before
    self_made(tmp_path, ["a.example"], now + timedelta(days=260))
    after = first.certificate.read_bytes()
    assert after != before
    self_made(tmp_path, ["b.example"], now + timedelta(days=260))
    assert names(first.certificate) == {"b.example"}
    assert (tmp_path / "ca.pem").read_bytes() == authority
    (tmp_path / "server.key").write_text("broken")
    self_made(tmp_path, ["b.example"], now + timedelta(days=260))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(first.certificate, first.key)


def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    made = self_made(tmp_path / "one", ["a.example"])
    other = self_made(tmp_path / "two", ["a.example"])
    for cert, key in [
        (str(made.certificate), ""),
        ("", str(made.key)),
        (str(made.certificate), str(other.key)),
        (str(made.certificate), str(tmp_path / "absent")),
        (str(tmp_path / "one" / "lock"), str(made.key)),
    ]:
        with pytest.raises(CertificateError):
            certificate(Tls(certificate=cert, key=key), tmp_path, "127.0.0.1")
    secret = tmp_path / "secret.key"
    words = ["openssl", "pkey", "-in", str(made.key), "-aes256", "-passout", "pass:word", "-out", str(secret)]
    subprocess.run(words, check=True, capture_output=True, timeout=20)
    with pytest.raises(CertificateError, match=r"secret\.key"):
        certificate(Tls(certificate=str(made.certificate), key=str(secret)), tmp_path, "127.0.0.1")
    with pytest.raises(CertificateError, match="name"):
        certificate(Tls(self_made=True, names=("ü.example",)), tmp_path / "three", "127.0.0.1")


def test_one_for_all_addresses_has_those_by_which_other_machines_reach_this_one(tmp_path: Path) -> None:
    made = certificate(Tls(self_made=True), tmp_path, "0.0.0.0")
    assert made is not None
    assert {socket.gethostname(), socket.getfqdn(), "localhost"} <= names(made.certificate)
    shown = subprocess.run(["ip", "-4", "route", "get", "192.0.2.1"], capture_output=True, text=True, timeout=20)
    found = re.search(r"\bsrc (\S+)", shown.stdout)
    if found is None:
        pytest.skip("this machine has no route to others")
    assert found[1] in names(made.certificate)
