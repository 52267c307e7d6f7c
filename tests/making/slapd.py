"""A real slapd on loopback, with its own configuration and people, with TLS."""

import datetime as dt
import ipaddress
import os
import socket
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from making.ports import listening

BASE = "dc=example,dc=org"
_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
_PEOPLE = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@example.org
userPassword: engine-1843

dn: uid=o\\28brien\\29\\2A,ou=people,{BASE}
objectClass: inetOrgPerson
uid: o(brien)*
cn: O Brien
sn: Brien
userPassword: parenthesis

dn: cn=dev,ou=groups,{BASE}
objectClass: groupOfNames
cn: dev
member: uid=ada,ou=people,{BASE}
member: uid=o\\28brien\\29\\2A,ou=people,{BASE}

dn: cn=ops,ou=groups,{BASE}
objectClass: groupOfNames
cn: ops
member: uid=ada,ou=people,{BASE}
"""


class Slapd:
    """Started in `folder`; `url` speaks LDAP (and StartTLS), `secure` LDAPS with the authority in `ca`."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.ca = folder, folder / "ca.pem"
        self.admin, self.password = f"cn=admin,{BASE}", "secret"
        self.port, secure = _free(), _free()
        self.url, self.secure = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{secure}"
        _certificate(folder)
        (folder / "data").mkdir()
        schemas = "\n".join(f"include /etc/ldap/schema/{each}.schema" for each in ("core", "cosine", "inetorgperson"))
        (folder / "slapd.conf").write_text(
            f"{schemas}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {folder}/pid\n"
            f"TLSCACertificateFile {self.ca}\nTLSCertificateFile {self.ca}\nTLSCertificateKeyFile {folder}/key.pem\n"
            f"database mdb\nsuffix {BASE}\nrootdn {self.admin}\nrootpw {self.password}\ndirectory {folder}/data\n"
            f"access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n"
        )
        (folder / "people.ldif").write_text(_PEOPLE)
        self.run("slapadd", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif"))
        words = [program, "-d", "0", "-f", str(folder / "slapd.conf"), "-h", f"{self.url} {self.secure}"]
        self._log = open(folder / "log", "wb")
        self._server = subprocess.Popen(words, stdout=self._log, stderr=self._log)
        try:
            listening(secure, self._server, folder / "log")
        except AssertionError:
            self.close()
            raise

    def run(self, *words: str) -> None:
        """Run one of slapd's tools."""
        done = subprocess.run(words, env={**os.environ, "PATH": _PATH}, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr

    def change(self, ldif: str) -> None:
        """Change entries."""
        path = self.folder / "change.ldif"
        path.write_text(ldif)
        self.run("ldapmodify", "-x", "-H", self.url, "-D", self.admin, "-w", self.password, "-f", str(path))

    def close(self) -> None:
        """Stop it."""
        self._server.terminate()
        self._server.wait(10)
        self._log.close()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    at = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(hours=1))
        .not_valid_after(at + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
