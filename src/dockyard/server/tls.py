"""The server's certificate: the one that was given, or one made here, with an authority of its own to trust.

    tls/ca.pem, tls/ca.key           the authority, for ten years
    tls/server.pem, tls/server.key   the server's certificate with its chain, for a year

A self-made certificate is made anew where the names differ or less than a third of its time is left; the authority
stays, so clients that trust it go on.
"""

import contextlib
import fcntl
import ipaddress
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dockyard.errors import UsageError
from dockyard.server.settings import Tls

if TYPE_CHECKING:
    from cryptography import x509

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 365


class CertificateError(UsageError):
    """The server's certificate and key cannot be used."""

    reference = "server-certificate"
    hint = "Give both as PEM files that belong together: the certificate with its chain, and a key without password."


class Certificate(NamedTuple):
    """Files with the certificate and its key; `authority` is what clients have to trust, where it was made here."""

    certificate: Path
    key: Path
    authority: Path | None = None


def certificate(settings: Tls, folder: Path, host: str) -> Certificate | None:
    """The certificate that the settings ask for, made where it has to be; None without TLS.

    Args:
        settings: the TLS settings.
        folder: keeps what is made here, in `tls/`.
        host: the address that the server listens on, which a self-made certificate is for, too.

    Raises:
        CertificateError: what was given cannot be read, or does not belong together.
    """
    if not settings.wanted:
        return None
    if not (settings.certificate or settings.key):
        names = [*settings.names, "localhost", "127.0.0.1", "::1", *(_own() if unspecified(host) else [host])]
        found = self_made(folder / "tls", list(dict.fromkeys(names)))
    else:
        if not (settings.certificate and settings.key):
            raise CertificateError("TLS needs a certificate and a key, and only one of them was given")
        found = Certificate(Path(settings.certificate), Path(settings.key))
    check(found)
    return found


def unspecified(host: str) -> bool:
    """Whether listening on `host` means all of this machine's addresses."""
    return host in ("", "0.0.0.0", "::")  # noqa: S104 (compared, not listened on)


def _own() -> list[str]:
    """By what names and addresses other machines reach this one."""
    import socket

    found = [socket.gethostname(), socket.getfqdn()]
    # Sends nothing: the kernel says which of its addresses it would use towards others (here, those for documents).
    for family, other in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))
            found.append(str(probe.getsockname()[0]))
    return found


def check(found: Certificate) -> None:
    """See to it that certificate and key can be used.

    Raises:
        CertificateError: they cannot.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a password would ask for it on the terminal.
        context.load_cert_chain(found.certificate, found.key, password=lambda: b"")
    except (OSError, ssl.SSLError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        context_of = {"certificate": found.certificate, "key": found.key}
        raise CertificateError(f"cannot use {found.certificate} with {found.key}: {text}", context=context_of) from None


def self_made(folder: Path, names: Sequence[str], now: datetime | None = None) -> Certificate:
    """The certificate in `folder` for `names` (host names and addresses), made where there is none that fits."""
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may start at once
        if not _fits(made, names, now):
            _make(made, folder / "ca.key", names, now)
    return made


def _fits(made: Certificate, names: Sequence[str], now: datetime) -> bool:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        check(made)
    except (OSError, ValueError, CertificateError):
        return False
    listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if {str(each.value) for each in listed} != {str(each.value) for each in map(_name, names)}:
        return False
    return found.not_valid_after_utc - now > timedelta(days=_SERVER_DAYS / 3)


def _make(made: Certificate, authority_key: Path, names: Sequence[str], now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID

    assert made.authority is not None
    try:
        authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
        signer: Any = load_pem_private_key(authority_key.read_bytes(), None)
        if authority.not_valid_after_utc - now < timedelta(days=_SERVER_DAYS):
            raise ValueError("too old")
    except (OSError, ValueError):
        signer = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("Dockyard registry authority")
        authority = (
            _builder(subject, subject, signer.public_key(), now, _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
            .sign(signer, _hash())
        )
        _write(authority_key, _private(signer), 0o600)
        _write(made.authority, authority.public_bytes(Encoding.PEM), 0o644)
    key = ec.generate_private_key(ec.SECP256R1())
    found = (
        _builder(_subject(names[0][:64]), authority.subject, key.public_key(), now, _SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, _hash())
    )
    _write(made.key, _private(key), 0o600)
    _write(made.certificate, found.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM), 0o644)


def _builder(
    subject: "x509.Name", issuer: "x509.Name", key: Any, now: datetime, days: int
) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clients' clocks are not always right
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(text: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _name(text: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        try:
            return x509.DNSName(text)
        except ValueError:
            raise CertificateError(f"not a host's name: {text[:80]!r}", hint="Write it in ASCII.") from None


def _hash() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _private(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    found: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found


def _write(path: Path, data: bytes, mode: int) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb") as out:
        out.write(data)
    fresh.replace(path)
