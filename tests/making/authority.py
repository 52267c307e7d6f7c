"""An authority that vouches for servers on this machine."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def authority(folder: Path, name: str, *hosts: str) -> tuple[Path, ssl.SSLContext]:
    """A file with an authority's certificate, and what a server on 127.0.0.1, or one of that name, needs that it has
    vouched for."""
    key, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        made = made.not_valid_after(now + dt.timedelta(days=1))
        return made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    root = certificate(issuer, key.public_key(), True).sign(key, hashes.SHA256())
    names = [x509.DNSName(host) for host in hosts]
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *names])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    leaf = certificate(subject, server.public_key(), False).add_extension(alternative, critical=False)
    pem = folder / f"{name}.pem"
    pem.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    both = folder / f"{name}-server.pem"
    both.write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return pem, context
