"""`dockyard serve`: the registry as a process."""

from pathlib import Path

from dockyard.cli import context, report


def serve(*, listen: str = "127.0.0.1:5000", storage: Path | None = None, json: bool = False) -> None:
    """Run a registry on this machine until it is told to stop (Ctrl-C or SIGTERM).

    Args:
        listen: the address, on loopback: there are no accounts yet.
        storage: the folder for images; `registry` in the data folder by default.
        json: print the address as one JSON document.
    """
    import sys

    from dockyard.server.serve import address
    from dockyard.server.serve import serve as serve_registry

    host, port = address(listen)
    folder = storage or context.data_folder() / "registry"
    if json:
        report.result({"registry": f"http://{listen}/v2/", "storage": str(folder)})
    else:
        print(f"registry at http://{listen}/v2/, images in {folder}; Ctrl-C stops it", file=sys.stderr, flush=True)
    serve_registry(host, port, folder)
