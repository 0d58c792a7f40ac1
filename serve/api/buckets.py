"""How often somebody may do something: a bucket for each client, filled steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

CLIENTS: Final = 10_000
"""Clients that are remembered; the one not seen for longest is forgotten."""


class Buckets:
    """A bucket for each client.

    Args:
        rate_hz: How much flows into it, a second.
        burst: How much it holds.
        clock: Monotonic seconds.

    >>> buckets = Buckets(rate_hz=0.5, burst=1, clock=lambda: 7.0)
    >>> buckets.take("a"), buckets.take("a"), buckets.wait_s("a"), buckets.wait_s("b")
    (0.0, 2.0, 2.0, 0.0)
    """

    def __init__(self, rate_hz: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate_hz, self._burst, self._clock = rate_hz, burst, clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Takes one; 0 if there was one, else in how many seconds the next will be there."""
        left = self._left(client)
        self._held.pop(client, None)
        self._held[client] = (left - 1 if left >= 1 else left), self._clock()
        while len(self._held) > CLIENTS:
            self._held.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self.rate_hz

    def wait_s(self, client: str) -> float:
        """In how many seconds there will be one to take; 0 if there is."""
        return max(0.0, (1 - self._left(client)) / self.rate_hz)

    def _left(self, client: str) -> float:
        now_s = self._clock()
        left, at_s = self._held.get(client, (float(self._burst), now_s))
        return min(float(self._burst), left + (now_s - at_s) * self.rate_hz)
