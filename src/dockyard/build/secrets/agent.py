"""An SSH agent under another path, so that owner and mode can be chosen: one that runs, or keys answered for here."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.build.secrets.secret import Agent

if TYPE_CHECKING:
    from dockyard.build.secrets.keyring import Keyring


@contextlib.contextmanager
def forwarded(agent: Agent, path: Path) -> Iterator[None]:
    """Listen at `path` and pass every connection on to the agent's socket or keys, until the block ends."""
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


def _accept(listener: socket.socket, agent: Agent) -> None:
    with contextlib.suppress(OSError):  # the listener was shut down: the step has ended
        while True:
            client, _ = listener.accept()
            serve, what = (_answer, agent.keys) if agent.keys is not None else (_pass, agent.socket)
            threading.Thread(target=serve, args=(client, what), daemon=True).start()


def _answer(client: socket.socket, keys: "Keyring") -> None:
    from dockyard.build.secrets.keyring import MOST_BYTES

    with client, client.makefile("rb") as stream, contextlib.suppress(OSError):  # the client may hang up
        while len(head := stream.read(4)) == 4:
            (size,) = struct.unpack(">I", head)
            if not 0 < size <= MOST_BYTES or len(request := stream.read(size)) < size:
                return
            answer = keys.answer(request)
            client.sendall(struct.pack(">I", len(answer)) + answer)


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
