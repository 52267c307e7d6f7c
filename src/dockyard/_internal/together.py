"""A small thread pool: work side by side; the first error ends it."""

import threading
from collections.abc import Callable, Iterable


def together(work: Iterable[Callable[[], object]], most: int) -> None:
    """Do all of `work`, at most `most` at a time, and return when all of it is done.

    After an error nothing more is begun, and it is raised once what is under way has ended. An interrupt does not wait
    for that: the threads go with the process.
    """
    left = list(work)[::-1]
    errors: list[BaseException] = []

    def run() -> None:
        while not errors:
            try:
                each = left.pop()
            except IndexError:
                return
            try:
                each()
            except BaseException as error:  # noqa: BLE001 (raised by who waits)
                errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(min(most, len(left)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
