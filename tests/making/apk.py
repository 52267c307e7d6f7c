"""A small signed apk repository (apk-tools v2 format): packages, index, and the key that signs the index.

An .apk is gzip streams one after the other: control (.PKGINFO) without the end-of-archive blocks, then data. The index
is a signature stream followed by a stream with APKINDEX; the signature covers the second stream's bytes.
"""

import base64
import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_NAME = "test.rsa.pub"


def _segment(files: Mapping[str, bytes], *, end: bool, checksums: bool = False) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        # apk wants every folder as a member before what lies in it.
        above = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
        for folder in sorted(above):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if "bin/" in name else 0o644
            if checksums:
                member.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(content).hexdigest()}
            archive.addfile(member, io.BytesIO(content))
        length = archive.offset
    data = raw.getvalue() if end else raw.getvalue()[:length]
    return gzip.compress(data, mtime=0)


def repository(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """Write a repository with one package to `folder`/x86_64 and return the public key (PEM)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    place = folder / "x86_64"
    place.mkdir(parents=True)

    def sign(data: bytes) -> bytes:
        signature = key.sign(data, padding.PKCS1v15(), hashes.SHA1())
        return _segment({f".SIGN.RSA.{KEY_NAME}": signature}, end=False)

    data = _segment(files, end=True, checksums=True)
    size = sum(map(len, files.values()))
    facts = {"pkgname": name, "pkgver": version, "pkgdesc": "made for a test", "arch": "x86_64", "size": str(size)}
    facts |= {"license": "MIT", "datahash": hashlib.sha256(data).hexdigest()}
    info = "".join(f"{field} = {value}\n" for field, value in facts.items())
    control = _segment({".PKGINFO": info.encode()}, end=False)
    package = sign(control) + control + data
    (place / f"{name}-{version}.apk").write_bytes(package)
    checksum = "Q1" + base64.b64encode(hashlib.sha1(control).digest()).decode()
    fields = {"C": checksum, "P": name, "V": version, "A": "x86_64", "S": str(len(package)), "I": str(size)}
    fields |= {"T": "made for a test", "L": "MIT"}
    text = "".join(f"{field}:{value}\n" for field, value in fields.items()) + "\n"
    index = _segment({"DESCRIPTION": b"test", "APKINDEX": text.encode()}, end=True)
    (place / "APKINDEX.tar.gz").write_bytes(sign(index) + index)
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
