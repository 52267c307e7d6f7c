"""A token bucket: so many requests at once, so many a second in the long run."""

import time


class Bucket:
    """Holds `burst` at first and fills by `rate` a second."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, max(1.0, burst)
        self._left, self._at = self._burst, time.monotonic()

    def take(self) -> float:
        """Take one; returns 0, or the seconds until there is one again."""
        at = time.monotonic()
        left = min(self._burst, self._left + (at - self._at) * self._rate)
        self._at = at
        if left >= 1.0:
            self._left = left - 1.0
            return 0.0
        self._left = left
        return (1.0 - left) / self._rate
