"""A future: the state of a stage that one thread finishes while others wait. `concurrent.futures` loads too slowly."""

import threading
from collections.abc import Callable

from dockyard.build.state import State


class Promise:
    """A stage that will be finished by the thread that keeps the promise."""

    def __init__(self) -> None:
        self._kept = threading.Event()
        self._state: State | None = None
        self._error: BaseException | None = None

    def keep(self, make: Callable[[], State]) -> None:
        """Finish the stage, or note what stopped it, and raise that."""
        try:
            self._state = make()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._kept.set()

    def now(self) -> State | None:
        """The stage, if it is finished by now."""
        return self._state

    def state(self) -> State:
        """The finished stage, once it is; what stopped it comes up here."""
        self._kept.wait()
        if self._error is not None:
            raise self._error
        assert self._state is not None
        return self._state
