"""A registry in a process of its own, with accounts, and images that our own client built and pushed."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import urllib3

from dockyard.content.layout import Layout
from dockyard.layers.members import members
from dockyard.layers.write import LayerWriter
from making.images import image
from making.ports import free_port

PASSWORD = "correct horse"
_DOCKERFILE = """\
FROM alpine:{alpine}
LABEL org.opencontainers.image.title="The shop" org.opencontainers.image.version="{version}"
ENV PORT=8080 PYTHONPATH=/srv/site
COPY site /srv/site
COPY app /srv/app
EXPOSE 8080
USER 1000:1000
WORKDIR /srv/app
HEALTHCHECK --interval=10s CMD wget -q -O /dev/null http://127.0.0.1:8080/healthz
ENTRYPOINT ["/bin/sh"]
CMD ["-c", "exec httpd -f -p $PORT"]
"""
# Alpine's own database says so much of 3.16; the versions are those in which the flaws were mended.
_SECDB = {
    "distroversion": "v3.16",
    "reponame": "main",
    "packages": [
        {"pkg": {"name": name, "secfixes": fixes}}
        for name, fixes in {
            "busybox": {"1.35.0-r30": ["CVE-2023-42366"]},
            "openssl": {"1.1.1w-r1": ["CVE-2023-5678"]},
            "zlib": {"1.2.13-r0": ["CVE-2023-45853"]},
        }.items()
    ],
}


class Town:
    """The registry's folder, how it is reached, and the client's own store.

    Args:
        folder: for everything.
        shared: where the root file systems of Alpine lie.
        records: a folder of OSV records about Alpine 3.16.
    """

    def __init__(self, folder: Path, shared: Path, records: list[Path]) -> None:
        self.folder, self.port = folder, free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._shared, self._records = shared, records
        (folder / "docker").mkdir(parents=True)
        (folder / "docker" / "config.json").write_text("{}")
        self.environment = {
            **os.environ,
            "DOCKYARD_HOME": str(folder / "home"),
            "DOCKYARD_CONFIG": str(folder / "config.toml"),
            "DOCKER_CONFIG": str(folder / "docker"),
            "COSIGN_PASSWORD": "",
        }
        self.storage = folder / "registry"

    def dockyard(self, *words: str, said: str = "") -> str:
        """Run the command; `said` goes to its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "dockyard.cli.main", *words],
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=100,
            cwd=self.folder,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def users(self, *names: str) -> None:
        """Make accounts; the first is a system admin's."""
        self.storage.mkdir(exist_ok=True)
        for name in names:
            flags = ["--admin"] if name == names[0] else []
            words = [
                "registry",
                "user",
                "add",
                name,
                *flags,
                "--password-stdin",
                "--new",
                "--storage",
                str(self.storage),
            ]
            self.dockyard(*words, said=PASSWORD)

    def feed(self) -> None:
        """Give the registry advisories."""
        secdb = self.folder / "secdb.json"
        secdb.write_text(json.dumps(_SECDB))
        osv = [word for each in self._records for word in ("--osv", str(each))]
        output = ["--output", str(self.storage / "feed.sqlite")]
        self.dockyard("feed", "update", *osv, "--alpine-secdb", str(secdb), *output)

    def bases(self) -> None:
        """Put Alpine into the client's store."""
        store = Layout(self.folder / "home" / "store", create=True)
        for version in ("3.16.9", "3.20.3"):
            archive = self._shared / "images" / f"alpine-minirootfs-{version}-x86_64.tar.gz"
            with LayerWriter(store) as writer, gzip.open(archive) as stream:
                for entry, content in members(io.BufferedReader(stream)):
                    writer.add(entry, content if entry.kind == "file" else None)
                made = writer.commit()
            store.tag(f"docker.io/library/alpine:{version}", image(store, made).descriptor)

    def build(self, version: str, alpine: str = "3.16.9", packages: dict[str, str] | None = None) -> str:
        """Build the shop's image; returns its name in the store."""
        context = self.folder / f"shop-{version}"
        (context / "app").mkdir(parents=True)
        (context / "Dockerfile").write_text(_DOCKERFILE.format(alpine=alpine, version=version))
        (context / "app" / "index.html").write_text(f"<h1>The shop {version}</h1>\n")
        (context / "app" / "prices.csv").write_text("".join(f"{n},{n * 97 % 1009}\n" for n in range(40_000)))
        (context / "site").mkdir()
        for name, number in (packages or {"werkzeug": "2.2.2", "markupsafe": "3.0.4"}).items():
            told = context / "site" / f"{name}-{number}.dist-info"
            told.mkdir()
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\nLicense: BSD-3-Clause\n\n"
            (told / "METADATA").write_text(text)
            (context / "site" / f"{name}.py").write_text(f"VERSION = {number!r}\n")
        self.dockyard("build", str(context), "--tag", f"shop:{version}")
        return f"shop:{version}"

    def artifact(self, name: str, tag: str, kind: str) -> str:
        """Push what is no image, with one part of that type; returns its name here."""
        user = urllib3.make_headers(basic_auth=f"root:{PASSWORD}")
        http = urllib3.PoolManager(headers=user)

        def part(raw: bytes, media_type: str) -> dict[str, object]:
            digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
            place = f"{self.url}/v2/{name}/blobs/uploads/?digest={digest}"
            assert http.request("POST", place, body=raw).status == 201
            return {"mediaType": media_type, "digest": digest, "size": len(raw)}

        manifest = "application/vnd.oci.image.manifest.v1+json"
        config = part(b'{"name": "chart"}', "application/vnd.cncf.helm.config.v1+json")
        whole = {"schemaVersion": 2, "mediaType": manifest, "config": config, "layers": [part(b"x", kind)]}
        place, headers = f"{self.url}/v2/{name}/manifests/{tag}", {**user, "content-type": manifest}
        assert http.request("PUT", place, body=json.dumps(whole), headers=headers).status == 201
        return f"{name}:{tag}"

    def push(self, name: str, reference: str) -> None:
        """Push an image of the store."""
        self.dockyard("push", name, f"{self.host}/{reference}")
