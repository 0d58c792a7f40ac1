"""Pauses between attempts: doubled each time up to a limit, jittered so that many do not come at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Pauses of one thing that is tried again.

    Attributes:
        first_s: Longest first pause.
        longest_s: No pause is longer.
        chance: Draws between two bounds; replaced in tests.
    """

    first_s: float
    longest_s: float
    chance: Callable[[float, float], float] = random.uniform
    attempts: int = field(default=0, init=False)

    def next_s(self) -> float:
        """The next pause: between half of the doubled one and the whole."""
        bound_s = min(self.longest_s, self.first_s * 2 ** min(self.attempts, 32))
        self.attempts += 1
        return self.chance(bound_s / 2, bound_s)

    def reset(self) -> None:
        """It worked: begin with the first pause next time."""
        self.attempts = 0
