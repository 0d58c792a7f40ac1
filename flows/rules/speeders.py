"""Who has had an event of speeding at a camera: one drive is one offence, however many rules measure its lanes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

CROWD: Final = 64
"""Most vehicles remembered."""


@dataclass(frozen=True, slots=True)
class Speeder:
    """A vehicle that has had its event: where it was and how it moved.

    Attributes:
        track: Its number then.
        at: Capture time of the middle of the measured stretch.
        last_at: Of its end.
        middle_m: ``(x, y)`` where it was in the middle, m.
        velocity_mps: Likewise how it moved.
    """

    track: int
    at: datetime
    last_at: datetime
    middle_m: tuple[float, float]
    velocity_mps: tuple[float, float]


@dataclass(slots=True)
class Speeders:
    """Those of one camera, newest last; all its speeding rules share it."""

    all: deque[Speeder] = field(default_factory=lambda: deque(maxlen=CROWD))

    def has(self, track: int) -> bool:
        """Whether a vehicle was reported under this number."""
        return any(speeder.track == track for speeder in self.all)
