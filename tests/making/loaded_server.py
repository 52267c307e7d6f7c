"""A registry server that sweeps, collects and verifies while it serves: `python -m making.loaded_server`."""

import sys
import threading
import time

from dockyard.server import serve
from dockyard.server.instance import Instance, open_instance
from dockyard.server.leaving import Leaving
from dockyard.server.settings import Settings
from dockyard.server.stored import deleting, leftovers
from dockyard.server.stored.verify import verify


def main() -> None:
    """Serve the folder of the first word at the port of the second, with the grace in seconds of the third."""
    folder, port, grace = sys.argv[1:4]
    settings = Settings(storage=folder, grace=int(grace))
    instance = open_instance(settings)
    threading.Thread(target=_collect, args=(instance,), daemon=True).start()
    threading.Thread(target=_verify, args=(instance,), daemon=True).start()
    instance.start()
    import asyncio

    asyncio.run(serve._one(instance, serve._options(settings, "127.0.0.1", int(port)), Leaving(settings.home)))


def _collect(instance: Instance) -> None:
    while True:
        deleting.collect(instance.registry.holdings, most=50)
        leftovers.sweep(instance.registry.holdings, most=100)
        time.sleep(0.02)


def _verify(instance: Instance) -> None:
    while True:
        flaws = verify(instance.registry.holdings).flaws
        if flaws:
            print("\n".join(f"{each.kind}: {each.what}" for each in flaws), flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
