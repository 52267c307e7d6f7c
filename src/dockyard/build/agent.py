"""An SSH agent's socket forwarded under another path, so that its owner and mode can be chosen."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def forwarded(agent: Path, path: Path) -> Iterator[None]:
    """Listen at `path` and pass every connection on to the socket `agent`, until the block ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    thread = threading.Thread(target=_accept, args=(listener, agent), daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(1)


def _accept(listener: socket.socket, agent: Path) -> None:
    with contextlib.suppress(OSError):  # the listener was shut down: the step has ended
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_pass, args=(client, agent), daemon=True).start()


def _pass(client: socket.socket, agent: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):  # either end may hang up
        server.connect(str(agent))
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for ready, _ in selector.select():
                    source = ready.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    ready.data.sendall(data)
