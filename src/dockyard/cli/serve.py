"""`dockyard serve`: the registry as a process."""

from pathlib import Path

from dockyard.cli import context, report


def serve(
    *,
    listen: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    workers: int = 0,
    json: bool = False,
) -> None:
    """Run a registry until it is told to stop (Ctrl-C or SIGTERM).

    Args:
        listen: the address, 127.0.0.1:5000 by default; on loopback only as long as there are no accounts.
        storage: the folder for images; `registry` in the data folder by default.
        config: a file with settings, as docs/registry-toml.md has them; flags go before it.
        workers: processes; 1 by default.
        json: print the address as one JSON document.
    """
    import sys

    import msgspec

    from dockyard.server.serve import serve as serve_registry
    from dockyard.server.settings import Settings, parse

    settings = parse(config.read_bytes(), str(config)) if config else Settings()
    settings = msgspec.structs.replace(
        settings,
        listen=listen or settings.listen,
        storage=str(storage or settings.storage or context.data_folder() / "registry"),
        workers=workers or settings.workers,
    )
    if json:
        report.result({"registry": f"http://{settings.listen}/v2/", "storage": settings.storage})
    else:
        said = f"registry at http://{settings.listen}/v2/, images in {settings.storage}; Ctrl-C stops it"
        print(said, file=sys.stderr, flush=True)
    serve_registry(settings)
