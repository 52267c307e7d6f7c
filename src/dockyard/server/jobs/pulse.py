"""What every process does for itself every few seconds, such as writing down what it counted."""

import logging
import threading
from collections.abc import Callable, Sequence

_LOG = logging.getLogger("dockyard.jobs")


class Pulse:
    """Calls `functions` every `seconds`, and a last time when it is stopped. One that fails is called again."""

    def __init__(self, functions: Sequence[Callable[[], object]], seconds: float) -> None:
        self._functions, self._seconds = functions, seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._serve, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call everything once more and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._beat()
        self._beat()

    def _beat(self) -> None:
        for function in self._functions:
            try:
                function()
            except Exception as error:  # noqa: BLE001 (the next beat tries again; nothing else may suffer)
                named = getattr(function, "func", function)  # of `functools.partial`
                _LOG.warning("%s failed: %s", getattr(named, "__qualname__", named), error)
