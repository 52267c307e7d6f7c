"""Answers that wait for nothing, given where granian hands a request over.

granian reads a request on a thread of its own, wakes the event loop for it, and lets a task answer: for what is in
memory already, that costs more than the answer. So its scheduler is replaced by one that asks for such an answer first,
on granian's thread, and goes on as before where there is none (docs/decisions/0013-answers-on-granians-thread.md).

granian has no place for that, so its inner parts are used: only those of the versions that are known, and only if they
look as they did there. With any other, requests are answered as granian does it.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

from dockyard.registry.app.call import Message, Scope

Prompt = Callable[[Scope, Callable[[Message], Any]], bool]
"""Answers a request with messages, of which the last ends the answer, if that takes no waiting; else false, and nothing
was sent. Called by one thread, which is not the event loop's.
"""
_KNOWN = ("2.8.",)
_LOG = logging.getLogger("dockyard.registry")


def install(server: type, prompt: Prompt) -> bool:
    """Let `prompt` be asked before the application, in this process; false if that granian is not known.

    Args:
        server: granian's class that serves.
        prompt: see there.
    """
    module = sys.modules[server.__module__]
    made = _maker(prompt)
    if made is None or not callable(getattr(module, "_new_cbscheduler", None)):
        return False
    module._new_cbscheduler = made  # type: ignore[attr-defined]
    return True


def _maker(prompt: Prompt) -> Callable[..., Any] | None:
    """What makes schedulers, in place of granian's own."""
    import granian
    from granian import _futures

    names = ("_BaseCBScheduler", "_new_cbscheduler", "_cbsched_aioschedule")
    if not granian.__version__.startswith(_KNOWN) or not all(hasattr(_futures, name) for name in names):
        return None
    base: Any
    base, usual, scheduled = (getattr(_futures, name) for name in names)

    class Scheduler(base):  # type: ignore[misc]
        """Asks first."""

        def __init__(self, loop: Any, callback: Any, *values: Any) -> None:
            super().__init__()
            self._schedule_fn = asking(prompt, scheduled(loop, self._ctx, callback))

    def make(loop: Any, callback: Any, impl_asyncio: bool = False) -> Any:
        return Scheduler(loop, callback, None, None, None) if impl_asyncio else usual(loop, callback, impl_asyncio)

    return make


def asking(prompt: Prompt, later: Callable[[Any], None]) -> Callable[[Any], None]:
    """What takes a request from granian: asks `prompt`, and leaves to `later` what that does not answer."""

    def schedule(watcher: Any) -> None:
        try:
            scope = watcher.scope
            if scope["type"] == "http" and prompt(scope, watcher.proto.send):
                watcher.done()
                return
        except Exception:  # noqa: BLE001 (no request, however odd, may end without an answer)
            _LOG.exception("a request could not be answered at once")
        later(watcher)

    return schedule
