"""`dockyard serve`: the registry as a process."""

from pathlib import Path

from dockyard.cli import report, server_settings


def serve(
    *,
    listen: str = "",
    storage: str = "",
    config: Path | None = None,
    workers: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_self_made: bool = False,
    json: bool = False,
) -> None:
    """Run a registry until it is told to stop (Ctrl-C or SIGTERM).

    Args:
        listen: the address, 127.0.0.1:5000 by default; on loopback only as long as there are no accounts.
        storage: the folder for images, or s3://bucket/prefix (gs://, az://); `registry` in the data folder by default.
        config: a file with settings, as docs/registry-toml.md has them; flags go before it.
        workers: processes; 1 by default.
        tls_cert: serve HTTPS with this certificate, a PEM file with its chain.
        tls_key: the certificate's key, a PEM file.
        tls_self_made: serve HTTPS with a certificate made here, and say how clients come to trust it.
        json: print the address as one JSON document.
    """
    import sys

    import msgspec

    from dockyard.server.serve import serve as serve_registry
    from dockyard.server.settings import Tls

    settings = server_settings.settings(config, storage)
    tls = settings.tls
    if tls_cert or tls_key or tls_self_made:
        tls = Tls(str(tls_cert or ""), str(tls_key or ""), tls_self_made, tls.names)
    settings = msgspec.structs.replace(
        settings, listen=listen or settings.listen, workers=workers or settings.workers, tls=tls
    )
    url = f"{'https' if tls.wanted else 'http'}://{settings.listen}/v2/"
    if json:
        report.result({"registry": url, "storage": settings.storage.partition("?")[0]})
    else:
        said = f"registry at {url}, images in {settings.storage.partition('?')[0]}; Ctrl-C stops it"
        print(said, file=sys.stderr, flush=True)
        if tls.wanted and not tls.certificate:
            authority = settings.home / "tls" / "ca.pem"
            trusted = f"/etc/docker/certs.d/{settings.listen}/ca.crt"
            print(
                f"clients trust it with {authority}: copy it to {trusted} for docker, podman and skopeo,",
                end=" ",
                file=sys.stderr,
            )
            print("or name it as `ca` in config.toml for dockyard", file=sys.stderr, flush=True)
    serve_registry(settings)
