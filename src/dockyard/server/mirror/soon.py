"""Asking an upstream without waiting for it longer than is worth it, where there is something else to give."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from dockyard.errors import TransientError

T = TypeVar("T")
_MOST = 64


class UpstreamSlowError(TransientError):
    """A mirrored registry takes longer to answer than `patience` under `[[mirrors]]` says."""

    reference = "upstream-slow"
    hint = "What is kept here is given meanwhile. Is the upstream in trouble, or the network between?"


class Soon:
    """Questions that are waited for for a while only. Those that take longer go on, and what they find is kept."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(_MOST)

    def ask(self, seconds: float, question: Callable[[], T]) -> T:
        """The answer.

        Raises:
            UpstreamSlowError: it has not come in so many seconds, or too many questions wait for theirs.
            Exception: what the question raises.
        """
        if not self._free.acquire(blocking=False):
            raise UpstreamSlowError("too many questions wait for an upstream's answer")
        answer: Future[T] = Future()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                answer.set_result(context.run(question))
            except BaseException as error:  # noqa: BLE001 (told to whoever still waits)
                answer.set_exception(error)
            finally:
                self._free.release()

        threading.Thread(target=work, name="upstream", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError as error:
            if answer.done():
                raise
            raise UpstreamSlowError(f"no answer in {seconds:g} seconds") from error
